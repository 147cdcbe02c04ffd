"""Which repository and which backup a restore begins at. The restoring itself needs a Postgres: see the e2e tests."""

import os
import unittest
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from unittest import mock

import support
import drill
import restore
import scratch
import settings
from histories import Archive
from reach import Holding
from repository import Backup, Stanza
from restore import Request
from settings import AgentError, Repository
from wal import Segment

STANZA = "20261124-150312-ab12"
BEGAN = 1795500000
MINUTE = 60


def backup(number: int) -> Backup:
    """Taken in minute `number`, whose WAL it begins with."""
    ended = BEGAN + number * MINUTE
    name = Segment(1, number).name
    return Backup(f"backup-{number}", "full", ended - 1, ended, name, name, 1, 1, False)


def holding(number: int, backups: list[int], wal: list[int]) -> Holding:
    """A segment a minute, which arrives at its end."""
    archive = Archive({Segment(1, one): BEGAN + one * MINUTE for one in wal})
    kind = "local" if number == 1 else "s3"
    return Holding(Repository(number, kind, {}), Stanza(STANZA, "1", "17", [backup(one) for one in backups]), archive)


def to(minutes: float) -> Request:
    return Request("to", datetime.fromtimestamp(BEGAN + minutes * MINUTE, UTC).isoformat(sep=" "), STANZA, None)


LATEST = Request("latest", None, STANZA, None)


class Wanted(unittest.TestCase):
    def wanted(self, **given: object) -> tuple[str, str | None]:
        return restore._wanted(Namespace(**{"to": None, "label": None, "latest": False, **given}))

    def test_the_target_is_what_was_given_and_pgbackrest_is_told_so(self):
        time = "2026-01-31 14:30:00+00:00"
        for given, wanted, told in (
            ({"latest": True}, LATEST, []),
            ({"label": "backup-1"}, Request("label", "backup-1", STANZA, None), ["--type=immediate", "--target-action=promote"]),
            ({"to": time}, Request("to", time, STANZA, None), ["--type=time", f"--target={time}", "--target-action=promote"]),
        ):
            self.assertEqual(self.wanted(**given), (wanted.kind, wanted.value))
            self.assertEqual(restore._target(wanted), told)
        for unclear in ("", "2026-01-31 14:30:00", "yesterday"):
            with self.assertRaises(AgentError):
                self.wanted(to=unclear)

    def test_a_label_begins_at_its_own_backup(self):
        self.assertEqual(restore._first(Request("label", "backup-1", STANZA, None), holding(1, [1, 2], [1, 2])).label, "backup-1")


class Dropped(unittest.TestCase):
    def test_a_database_that_is_not_there_or_only_half_is_refused_with_what_to_type(self):
        restore._refuse_dropped("shop", -1)
        for limit, next in ((None, "a moment before it was dropped"), (-2, "15 s earlier")):
            with self.assertRaises(AgentError) as caught:
                restore._refuse_dropped("shop", limit)
            self.assertEqual(caught.exception.code, "database-dropped")
            self.assertIn(next, caught.exception.next)


class Chosen(unittest.TestCase):
    def setUp(self):
        self.asked: list[int] = []
        self.said: list[str] = []

    def restored(self, request: Request, *found: Holding | AgentError, failing: tuple[int, ...] = ()) -> tuple[int, str]:
        """The repository and the backup."""
        self.asked.clear()
        self.said.clear()
        self.newest = []

        def ask(repository: Repository, _stanza: str) -> Holding:
            self.asked.append(repository.number)
            one = found[repository.number - 1]
            if isinstance(one, AgentError):
                raise one
            return one

        def from_backup(_settings, _request, found, backup, newest, _member, _progress):
            self.newest.append(newest)
            if found.repository.number in failing:
                raise AgentError("restored-damaged", "damaged")
            return found.repository.number, backup.label

        told = support.told(repositories=[Repository(number, "s3", {}) for number in range(1, len(found) + 1)])
        with mock.patch.object(restore.reach, "ask", ask), mock.patch.object(restore, "_from_backup", from_backup):
            return restore._from_any_repository(told, request, Path("/members/first"), self.said.append)

    def refused(self, request: Request, *found: Holding | AgentError) -> AgentError:
        with self.assertRaises(AgentError) as caught:
            self.restored(request, *found)
        return caught.exception

    def test_the_latest_is_that_of_the_repository_whose_archive_reaches_furthest(self):
        found = self.restored(LATEST, holding(1, [1, 5], [1, 2, 3, 4, 5]), holding(2, [1], [1, 2, 3, 4, 5, 6]))
        self.assertEqual((found, self.newest), ((2, "backup-1"), [Segment(1, 6)]))

    def test_of_two_that_reach_as_far_it_is_the_one_with_the_newest_backup_and_then_the_local_one(self):
        wal = [1, 2, 3, 4, 5]
        self.assertEqual(self.restored(LATEST, holding(1, [1], wal), holding(2, [1, 5], wal)), (2, "backup-5"))
        self.assertEqual(self.restored(LATEST, holding(1, [1], wal), holding(2, [1], wal)), (1, "backup-1"))

    def test_what_lies_behind_a_gap_is_not_reached_but_from_a_backup_behind_it(self):
        gap, whole = [1, 2, 4, 5, 6], [1, 2, 3, 4]
        self.assertEqual(self.restored(LATEST, holding(1, [1], gap), holding(2, [1], whole)), (2, "backup-1"))
        # What the other one has behind its gap is still what there is, and is missed.
        self.assertEqual(self.newest, [Segment(1, 6)])
        self.assertEqual(self.restored(LATEST, holding(1, [1, 4], gap), holding(2, [1], whole)), (1, "backup-4"))

    def test_one_that_can_t_be_asked_is_said_and_passed_over(self):
        away = AgentError("deadline", "it hangs")
        self.assertEqual(self.restored(LATEST, away, holding(2, [1], [1])), (2, "backup-1"))
        self.assertEqual(self.said, ["repository 1 (s3): it hangs"])
        self.assertEqual(self.refused(LATEST, away, away).message, "it hangs")
        self.assertEqual(self.refused(LATEST, holding(1, [], []), away).code, "target-unreachable")

    def test_one_whose_restore_fails_is_followed_by_the_next(self):
        found = self.restored(LATEST, holding(1, [1], [1]), holding(2, [1], [1, 2]), failing=(2,))
        self.assertEqual((found, self.said), ((1, "backup-1"), ["repository 2 (s3): damaged"]))

    def test_damage_which_can_be_accepted_is_told_before_what_can_t_be_reached(self):
        with self.assertRaises(AgentError) as caught:
            self.restored(to(1.5), holding(1, [1], [1, 2]), holding(2, [2], [2]), failing=(1,))
        self.assertEqual(caught.exception.code, "restored-damaged")

    def test_a_stop_ends_it(self):
        self.assertEqual(self.refused(LATEST, AgentError("stopped", "the agent stops"), holding(2, [1], [1])).code, "stopped")

    def test_a_time_is_reached_from_the_first_repository_that_holds_it_and_the_others_are_not_asked(self):
        wal = [1, 2, 3, 4, 5]
        self.assertEqual(self.restored(to(3.5), holding(1, [1, 3, 4], wal), holding(2, [1, 2], wal)), (1, "backup-3"))
        self.assertEqual((self.asked, self.newest), ([1], [None]))

    def test_one_whose_archive_ends_before_the_time_is_passed_over(self):
        short, long = holding(1, [1], [1, 2, 3]), holding(2, [1], [1, 2, 3, 4])
        self.assertEqual(self.restored(to(3.5), short, long), (2, "backup-1"))
        self.assertRegex(self.said[0], r"^repository 1 \(local\): .* is after the WAL of .* in it, whose newest arrived at 2026-")
        # Within the second of its arrival it may be in it.
        self.assertEqual(self.restored(to(3 + 0.9 / MINUTE), short, long), (1, "backup-1"))
        self.assertEqual(self.refused(to(9), short, long).code, "target-unreachable")

    def test_one_with_a_gap_there_is_passed_over(self):
        gap, whole = holding(1, [1, 8], [1, 2, 3, 6, 7, 8, 9]), holding(2, [1], list(range(1, 10)))
        self.assertEqual(self.restored(to(5.5), gap, whole), (2, "backup-1"))
        self.assertRegex(self.said[0], "is in a gap of the WAL of")
        self.assertEqual(self.restored(to(1.5), gap, whole), (1, "backup-1"))
        self.assertEqual(self.refused(to(5.5), gap).code, "target-unreachable")

    def test_one_whose_oldest_backup_is_younger_is_passed_over(self):
        wal = [1, 2, 3, 4, 5]
        self.assertEqual(self.restored(to(2.5), holding(1, [3], wal), holding(2, [1], wal)), (2, "backup-1"))
        self.assertEqual(self.refused(to(0.5), holding(1, [3], wal), holding(2, [1], wal)).code, "target-unreachable")


class Reached(unittest.TestCase):
    found = holding(1, [1], [1, 2, 3, 4, 5, 6])
    # What the repository has when it is asked once more.
    then: Holding | None = None
    newest_transaction: str | None = None
    damage: list[str] = []
    early = AgentError("target-unreachable", "ended before the target")

    def setUp(self):
        support.empty_folders()

    def from_backup(self, request: Request, newest: Segment | None, runs: list[object], said: list[str]) -> dict:
        """Recovery reads four segments."""
        known = {"newest_transaction": self.newest_transaction, "replayed_to": Segment(1, 4), "size": 1}
        known.update(complaints=[], amcheck=self.damage, rows={}, checksums=[], connection_limit=-1)
        for module, name, value in [
            *((restore.scratch, name, value) for name, value in known.items()),
            (restore.drill, "restore", None), (restore, "_edit_recovery", None),
            (restore.reach, "ask", self.then or self.found), (restore.os, "sync", None),
        ]:  # fmt: skip
            patched = mock.patch.object(module, name, return_value=value)
            patched.start()
            self.addCleanup(patched.stop)
        with mock.patch.object(restore.scratch, "running", side_effect=runs):
            told = support.told()
            return restore._from_backup(told, request, self.found, backup(1), newest, settings.MEMBERS, said.append)

    def test_a_restore_that_ends_early_is_said_and_told_in_its_result(self):
        said: list[str] = []
        (missing,) = self.from_backup(LATEST, Segment(1, 6), [nullcontext()], said)["missing"]
        self.assertIn(f"missing: {missing}", said)

    def test_a_time_after_the_last_transaction_is_the_end_of_all_wal(self):
        self.found = holding(1, [1], [1, 2, 3, 4])
        (unknown,) = self.from_backup(to(3.9), None, [self.early, nullcontext()], [])["missing"]
        self.assertRegex(unknown, "no transaction from the backup to ")

    def test_wal_that_arrives_meanwhile_is_replayed_to_the_time(self):
        self.found, self.then = holding(1, [1], [1, 2, 3]), holding(1, [1], [1, 2, 3, 4])
        self.assertEqual(self.from_backup(to(3.9), None, [self.early, nullcontext()], [])["missing"], [])

    def test_nothing_of_after_the_time_is_restored(self):
        self.found, self.newest_transaction = holding(1, [1], [1, 2, 3, 4]), "2099-01-01T00:00:00Z"
        with self.assertRaises(AgentError) as caught:
            self.from_backup(to(3.9), None, [self.early, nullcontext()], [])
        self.assertEqual(caught.exception.code, "target-unreachable")

    def test_a_time_that_is_not_reached_because_wal_can_t_be_read_is_refused(self):
        with self.assertRaises(AgentError) as caught:
            self.from_backup(to(5.9), None, [self.early, nullcontext()], [])
        self.assertEqual(caught.exception.code, "target-unreachable")
        self.assertIn(Segment(1, 6).name, caught.exception.message)

    def test_damage_is_refused_until_it_is_accepted_and_then_what_was_restored_is_used(self):
        self.damage, told = ["pg_amcheck: an index lacks a row"], support.told()
        asked, accepting = to(3.9), replace(to(3.9), accepts_damage=True)
        with self.assertRaises(AgentError) as caught:
            self.from_backup(asked, None, [nullcontext()], [])
        self.assertEqual(caught.exception.code, "restored-damaged")
        self.assertIn("--accept-damage", caught.exception.next)
        self.assertEqual(self.from_backup(accepting, None, [nullcontext()], [])["damage"], self.damage)
        restore.restored_folder(told, settings.MEMBERS).mkdir()
        done = partial(restore._done_before, told, settings.MEMBERS, progress=lambda _text: None)
        self.assertIsNone(done(asked))
        self.assertEqual(done(accepting)["damage"], self.damage)

    def test_less_than_there_is_is_said(self):
        self.assertEqual(drill.not_reached(Segment(1, 6), Segment(1, 6), []), [])
        self.assertEqual(drill.not_reached(None, Segment(1, 1), []), [])
        (said,) = drill.not_reached(Segment(1, 6), Segment(1, 4), ["ERROR: damaged"])
        self.assertEqual(
            said,
            f"WAL after {Segment(1, 4).name} can't be read, though the archive has {Segment(1, 6).name} (ERROR: damaged)",
        )


class OlderVersion(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        programs = settings.SCRATCH
        (programs / "17" / "bin").mkdir(parents=True)
        self.first = f"{programs}/17/bin:"
        for patched in (mock.patch.object(scratch, "PROGRAMS", programs), mock.patch.dict(os.environ)):
            self.enterContext(patched)

    def test_its_programs_come_first_and_its_folder_is_named_for_it(self):
        told = scratch.of_version(support.told(version=18), 17)
        self.assertTrue(os.environ["PATH"].startswith(self.first))
        self.assertEqual(restore.restored_folder(told, settings.MEMBERS / "one").name, "17.restored")

    def test_the_present_one_stays_as_it_is_and_one_that_is_not_here_is_refused(self):
        told = support.told(version=18)
        self.assertIs(scratch.of_version(told, None), told)
        self.assertFalse(os.environ["PATH"].startswith(self.first))
        with self.assertRaises(AgentError) as caught:
            scratch.of_version(told, 16)
        self.assertEqual(caught.exception.code, "version-unknown")
