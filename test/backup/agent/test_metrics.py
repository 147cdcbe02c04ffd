import re
import unittest
from dataclasses import replace
from datetime import datetime, timezone

import support
import metrics
import report
import settings
from clock import Reading
from settings import Repository

STANZA, BEFORE = "20261124-150312-ab12", "20261101-091500-3fa2"
KNOWN = {
    "repositories": {
        "1": {
            "kind": "local", "lastBackupAt": "2026-11-24T03:05:00Z", "lastBackupSeconds": 12.5,
            "lastBackupBytes": 300, "lastError": None, "lastFailureAt": None,
        },
        "2": {"kind": "s3", "lastBackupAt": None, "lastError": "refused", "lastFailureAt": "2026-11-24T03:05:00Z"},
    },
    "sizes": [
        {"repository": 1, "at": "2026-11-01T03:00:00Z", "bytes": 9999},
        {"repository": 1, "at": "2026-11-22T03:00:00Z", "bytes": 100},
        {"repository": 1, "at": "2026-11-23T03:00:00Z", "bytes": 140},
        {"repository": 1, "at": "2026-11-24T03:05:00Z", "bytes": 300},
    ],
    "stanza": STANZA,
    "proofs": [
        {"repository": 1, "stanza": BEFORE, "at": "2026-11-22T04:30:00Z", "ok": False, "seconds": 1.0},
        {"repository": 2, "stanza": STANZA, "at": "2026-11-23T04:30:00Z", "ok": True, "seconds": 2.0},
        {
            "repository": 2, "stanza": STANZA, "at": "2026-11-24T04:30:00Z", "ok": False, "seconds": 61.5, "checkSeconds": 8.4,
            "newestTransactionAgeSeconds": 9.0, "secondsPerGibibyte": None,
        },
    ],
    "archiveFailing": True, "oldestReadySeconds": 61, "walBytes": 1024,
    "gaps": [{"repository": 1, "foundAt": "2026-11-24T03:04:59Z"}, {"repository": 1, "foundAt": "2026-11-24T03:05:00Z"}],
}  # fmt: skip

NOW = Reading(datetime(2026, 11, 24, 16, tzinfo=timezone.utc), 5000.0, "boot-1")
FILES_PROOF = {"repository": 2, "at": "2026-11-24T04:30:00Z", "ok": True, "seconds": 4.0}


def environment(role: str) -> settings.Settings:
    repositories = [Repository(1, "local", {}), Repository(2, "s3", {})]
    return support.told(role=role, drill_schedule="30 4 * * 0", stanza=STANZA, repositories=repositories)


def rendered(role: str, known: dict, now: Reading = NOW) -> str:
    return metrics.render(environment(role), known, now)


def reported(role: str, known: dict, now: Reading = NOW) -> dict:
    return report.status(environment(role), known, now)


class Metrics(unittest.TestCase):
    def test_what_is_known_is_told(self):
        text = rendered("database", KNOWN)
        for line in (
            'horme_backup_last_success_timestamp_seconds{role="database",repository="1",kind="local"} 1795489500.0',
            'horme_backup_last_failure_timestamp_seconds{role="database",repository="2",kind="s3"} 1795489500.0',
            'horme_backup_last_duration_seconds{role="database",repository="1",kind="local"} 12.5',
            'horme_backup_size_bytes{role="database",repository="1",kind="local"} 300.0',
            'horme_backup_size_ratio{role="database",repository="1",kind="local"} 2.5',
            'horme_backup_last_proof_timestamp_seconds{role="database",repository="2"} 1795494600.0',
            'horme_backup_last_proof_ok{role="database",repository="2"} 0.0',
            'horme_backup_rpo_seconds{role="database",repository="2"} 9.0',
            'horme_backup_rto_seconds{role="database",repository="2"} 69.9',
            "horme_backup_archive_failing 1.0",
            "horme_backup_archive_oldest_ready_seconds 61.0",
            "horme_backup_wal_bytes 1024.0",
            "horme_backup_archive_gaps 1.0",
            'horme_backup_clock_jumped{role="database"} 0.0',
        ):
            self.assertIn(f"{line}\n", text)

    def test_what_is_promised_of_a_database_is_there(self):
        text = rendered("database", KNOWN)
        promised = ("last_success_timestamp_seconds", "last_proof_timestamp_seconds", "rpo_seconds", "rto_seconds")
        for name in (*promised, "size_ratio", "archive_failing", "archive_gaps"):
            self.assertRegex(text, rf"(?m)^horme_backup_{name}\b.* [\d.]+$")

    def test_what_is_not_known_is_not_invented(self):
        text = rendered("database", KNOWN)
        self.assertNotIn('last_success_timestamp_seconds{role="database",repository="2"', text)
        self.assertNotIn("restore_seconds_per_gibibyte", text)
        self.assertNotIn('last_proof_ok{role="database",repository="1"', text)
        self.assertNotIn("archive", rendered("database", {}))

    def test_a_gap_counts_until_a_good_backup_ended_after_it_was_found(self):
        def gaps(repository: str, at: str, **of_backup: object) -> float:
            known = {**KNOWN, "gaps": [{"repository": 1, "foundAt": at}]}
            known["repositories"] = {repository: {**KNOWN["repositories"]["1"], **of_backup}}
            return float(re.search(r"(?m)^horme_backup_archive_gaps (.*)$", rendered("database", known))[1])

        self.assertEqual((gaps("1", "2026-11-24T03:04:59Z"), gaps("1", "2026-11-24T03:05:00Z")), (0.0, 1.0))
        self.assertEqual(gaps("1", "2026-11-24T02:00:00Z", lastError="pages of the database have a wrong checksum"), 1.0)
        later = {"lastError": "refused", "lastFailureAt": "2026-11-25T03:00:00Z"}
        self.assertEqual(gaps("1", "2026-11-24T02:00:00Z", **later), 0.0)
        self.assertEqual(gaps("1", "2026-11-24T02:00:00Z", lastBackupAt=None), 1.0)
        self.assertEqual(gaps("2", "2026-11-24T02:00:00Z"), 1.0)

    def test_archiving_fails_once_the_database_answers_no_look_for_two_minutes(self):
        looked = {"wall": "2026-11-24T15:00:00Z", "steadySeconds": 4880.0, "boot": "boot-1"}
        known = {**KNOWN, "archiveFailing": False, "archiveFailingSince": None, "archiveLook": looked}
        later = replace(NOW, steady=5001.0)
        # Whatever the wall clock says, and whatever was before a boot: `archiver` begins anew with it.
        rebooted, jumped = replace(later, boot="boot-2"), replace(NOW, wall=NOW.wall.replace(year=2030))
        for now, failing in ((NOW, 0), (later, 1), (rebooted, 0), (jumped, 0)):
            self.assertIn(f"horme_backup_archive_failing {failing}.0\n", rendered("database", known, now))
            self.assertEqual(reported("database", known, now)["archiveFailing"], bool(failing))
        told = reported("database", known, later)
        since = "2026-11-24T15:00:00Z"
        self.assertEqual((told["archiveError"], told["archiveFailingSince"]), (f"the database has not answered since {since}", since))
        longer = {**known, "archiveFailingSince": "2026-11-24T14:00:00Z"}
        self.assertEqual(reported("database", longer, later)["archiveFailingSince"], "2026-11-24T14:00:00Z")

    def test_files_have_no_archive(self):
        self.assertNotIn("archive", rendered("files", KNOWN))

    def test_files_have_a_proof_and_nothing_that_a_database_measures(self):
        text = rendered("files", {"proofs": [FILES_PROOF]})
        self.assertIn('horme_backup_last_proof_timestamp_seconds{role="files",repository="2"} 1795494600.0\n', text)
        self.assertIn('horme_backup_last_proof_ok{role="files",repository="2"} 1.0\n', text)
        self.assertNotIn("rto", text)

    def test_a_first_backup_has_nothing_to_compare_with(self):
        self.assertIsNone(metrics.size_ratio(KNOWN["sizes"][:1], 1))
        self.assertIsNone(metrics.size_ratio([], 1))
        self.assertEqual(metrics.size_ratio([{**KNOWN["sizes"][1], "bytes": 0}, KNOWN["sizes"][2]], 1), None)


class Report(unittest.TestCase):
    def test_it_is_whole_without_any_status(self):
        told = reported("database", {})
        self.assertEqual((told["lastProof"], told["proofs"], told["rpoSeconds"], told["gaps"]), (None, [], None, []))
        self.assertEqual([(one["kind"], one["lastBackup"]) for one in told["repositories"]], [("local", None), ("s3", None)])
        self.assertEqual((told["archiveFailing"], told["clockJumped"], told["failing"]), (False, False, None))

    def test_what_fails_is_said(self):
        told = reported("database", KNOWN)
        self.assertEqual(told["failing"], "in repository 2: refused")
        self.assertEqual((told["rpoSeconds"], told["rtoSeconds"]), (9.0, 69.9))
        self.assertEqual(told["repositories"][0]["lastBackup"]["at"], "2026-11-24T03:05:00Z")
        self.assertEqual(reported("files", {"failures": {"state": "full"}})["failing"], "state: full")

    def test_a_repository_that_the_environment_has_no_more_is_not_told(self):
        former: dict = {name: [{**KNOWN[name][-1], "repository": 3}] for name in ("proofs", "gaps", "sizes")}
        former.update(repositories={"3": {**KNOWN["repositories"]["1"], **KNOWN["repositories"]["2"]}}, stanza=STANZA)
        told = reported("database", former)
        self.assertEqual(([one["lastError"] for one in told["repositories"]], told["proofs"]), ([None, None], []))
        self.assertEqual((told["failing"], told["gaps"]), (None, []))
        text = rendered("database", former)
        self.assertIn("horme_backup_archive_gaps 0.0\n", text)
        self.assertNotIn('repository="', text)

    def test_the_proof_that_counts_is_of_the_last_repository_and_none_hides_that_of_another(self):
        failed = {**KNOWN["proofs"][0], "stanza": STANZA, "at": "2026-11-25T04:30:00Z"}
        told = reported("database", {**KNOWN, "proofs": [*KNOWN["proofs"], failed]})
        self.assertEqual((told["proofs"], told["lastProof"]), ([failed, KNOWN["proofs"][2]], KNOWN["proofs"][2]))

    def test_what_another_history_proved_proves_nothing(self):
        proofs = [{**one, "stanza": BEFORE} for one in KNOWN["proofs"]]
        told = reported("database", {**KNOWN, "proofs": proofs})
        self.assertEqual((told["lastProof"], told["proofs"], told["rtoSeconds"]), (None, [], None))

    def test_how_often_there_should_be_a_backup_and_a_proof(self):
        told = reported("database", {})
        self.assertEqual((told["backupIntervalSeconds"], told["drillIntervalSeconds"]), (24 * 3600, 7 * 24 * 3600))
        self.assertEqual(reported("files", {})["drillIntervalSeconds"], 7 * 24 * 3600)

    def test_of_files_the_proof_is_told_and_no_times_of_a_database(self):
        told = reported("files", {"proofs": [FILES_PROOF]})
        self.assertEqual((told["lastProof"], told["proofs"]), (FILES_PROOF, [FILES_PROOF]))
        self.assertNotIn("rtoSeconds", told)
        self.assertEqual((reported("files", {})["lastProof"], reported("files", {})["proofs"]), (None, []))
