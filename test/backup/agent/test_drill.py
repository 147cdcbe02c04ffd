"""What a drill measures and remembers. The restoring itself needs a Postgres: see the e2e tests."""

import unittest
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from unittest import mock

import support
import drill
import process
import proofs
import status
from histories import Archive, iso
from repository import Backup
from settings import AgentError

STANZA = "20261124-150312-ab12"
BEGAN = 1795500000
WAL = "000000010000000000000001"
BACKUP = Backup("backup-1", "full", BEGAN - 3600, BEGAN - 3590, WAL, WAL, 1, 1, False)


class Clock:
    """Goes on by what is done alone; stands in for the module `time`."""

    def __init__(self):
        self.now = float(BEGAN)
        self.time = self.monotonic = lambda: self.now

    def takes(self, seconds: float, answer: object = None):
        def work(*_arguments, **_options) -> object:
            self.now += seconds
            if isinstance(answer, Exception):
                raise answer
            return answer

        return work


class Remembered(unittest.TestCase):
    def test_drills_of_one_repository_push_out_no_failure_of_another(self):
        known: dict = {}
        failed = {"repository": 1, "stanza": STANZA, "ok": False}
        proofs.add(known, failed)
        for number in range(proofs.KEPT + 1):
            proofs.add(known, {"repository": 2, "stanza": STANZA, "number": number})
        newest = proofs.newest(known, STANZA)
        self.assertEqual((newest[1], newest[2]["number"], len(known["proofs"])), (failed, proofs.KEPT, proofs.KEPT + 1))


@mock.patch.object(process, "LOOK_SECONDS", 0.05)
class GivesWay(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.told = support.told(role="database")

    def drilled(self, program: str) -> AgentError | None:
        def prove(*_of: object) -> dict:
            process.run(["sh", "-c", program], seconds=5, on_line=self.want)
            return {"repository": 1, "ok": True, "problems": []}

        with mock.patch.object(drill, "_chosen_backup", return_value=BACKUP), mock.patch.object(drill, "_prove", prove):
            try:
                drill.run(self.told, Namespace(), lambda _text: None)
            except AgentError as error:
                return error
        return None

    def want(self, number: str) -> None:
        entry = {number: {"backupWanted": "WAL is missing"}}
        status.update("database", lambda known: known.setdefault("repositories", {}).update(entry))

    def test_a_backup_that_covers_a_new_gap_comes_first_and_the_drill_counts_as_none(self):
        self.assertEqual(self.drilled("echo 2; sleep 4").code, "stopped")
        self.assertNotIn("proofs", status.read("database"))
        # One that was wanted already may be of a repository that is away for days.
        self.assertIsNone(self.drilled("echo 2; sleep 0.3"))
        self.assertIn("WAL is missing", self.drilled("echo 1; sleep 4").message)

    def test_a_gap_that_is_found_while_the_drill_waits_for_its_turn_ends_it_too(self):
        @contextmanager
        def waits(*_of: object) -> Iterator[None]:
            self.want("2")
            yield

        with mock.patch.object(drill, "until_a_restore_waits", waits):
            self.assertEqual(self.drilled("true").code, "stopped")


class Measured(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.clock = Clock()
        self.replace(drill, "time", self.clock)
        self.replace(drill, "archive_of", lambda *_of: Archive({}))
        self.replace(drill, "restore", self.clock.takes(600))
        for name, seconds, answer in (
            ("running", 300, nullcontext()), ("newest_transaction", 0, iso(BEGAN + 890)), ("size", 0, 2 << 30),
            ("replayed_to", 0, None), ("complaints", 0, []), ("amcheck", 80, []), ("rows", 5, {}), ("checksums", 15, []),
        ):  # fmt: skip
            self.replace(drill.scratch, name, self.clock.takes(seconds, answer))

    def replace(self, module: object, name: str, value: object) -> None:
        self.enterContext(mock.patch.object(module, name, value))

    def proof(self, **told: object) -> dict:
        told = support.told(role="database", **told)
        return drill._prove(told, STANZA, told.repositories[0], BACKUP, lambda _text: None)

    def test_the_age_of_the_newest_transaction_counts_from_the_end_of_recovery(self):
        proof = self.proof()
        self.assertGreater(proof["newestTransactionAt"], proof["at"])
        self.assertEqual((proof["seconds"], proof["newestTransactionAgeSeconds"]), (900.0, 10.0))

    def test_the_checks_of_a_restore_are_timed_and_the_assertions_are_not(self):
        self.replace(drill.scratch, "query", self.clock.takes(1000, "f"))
        proof = self.proof(assertions=[{"line": 2, "sql": "SELECT true", "expected": "t"}])
        self.assertEqual((proof["seconds"], proof["checkSeconds"], proof["secondsPerGibibyte"]), (900.0, 100.0, 500.0))
        self.assertEqual(proof["problems"], ["assertion of line 2: SELECT true is 'f', expected 't'"])

    def refused(self) -> str:
        with self.assertRaises(AgentError) as caught:
            self.proof(assertions=[{"line": 2, "sql": "SELECT true", "expected": "t"}])
        return caught.exception.message

    def test_a_repository_that_goes_away_meanwhile_proves_nothing_and_one_that_is_back_is_judged(self):
        self.replace(drill.scratch, "query", self.clock.takes(0, "t"))
        for failing in ("restore", "running"):
            module = drill if failing == "restore" else drill.scratch
            with mock.patch.object(module, failing, self.clock.takes(60, AgentError("pgbackrest-failed", "timed out"))):
                self.assertEqual(self.proof()["problems"], ["timed out"])
                with mock.patch.object(drill, "archive_of", side_effect=[Archive({}), AgentError("deadline", "it hangs")]):
                    self.assertEqual(self.refused(), "it hangs")

    def test_wal_that_a_repository_did_not_hand_out_before_it_went_away_is_no_false_alarm(self):
        self.replace(drill.scratch, "query", self.clock.takes(0, "f"))
        self.replace(drill, "not_reached", lambda *_of: ["WAL after 1 can't be read"])
        self.assertEqual(len(self.proof(assertions=[{"line": 2, "sql": "SELECT true", "expected": "t"}])["problems"]), 2)
        self.replace(drill, "archive_of", mock.Mock(side_effect=[Archive({}), AgentError("deadline", "it hangs")]))
        self.assertEqual(self.refused(), "it hangs")

    def test_damage_is_recorded_though_the_repository_goes_away_then(self):
        self.replace(drill.scratch, "amcheck", self.clock.takes(0, ["an index lacks a row"]))
        self.replace(drill, "archive_of", mock.Mock(side_effect=[Archive({}), AgentError("deadline", "it hangs")]))
        self.assertEqual(self.proof()["problems"], ["it hangs", "an index lacks a row"])

    def test_what_is_damaged_is_told_before_what_is_not_as_expected(self):
        self.replace(drill.scratch, "query", self.clock.takes(0, "f"))
        for name in ("amcheck", "checksums"):
            self.replace(drill.scratch, name, self.clock.takes(0, [name]))
        self.replace(drill.scratch, "rows", self.clock.takes(0, AgentError("query-failed", "invalid page")))
        proof = self.proof(assertions=[{"line": 2, "sql": "SELECT true", "expected": "t"}])
        self.assertEqual(proof["problems"][:3], ["amcheck", "invalid page", "checksums"])
        self.assertEqual((len(proof["problems"]), proof["ok"]), (4, False))
