import json
import unittest
from argparse import Namespace
from unittest import mock

import support
import histories
import repository as repositories
from histories import Archive
from repository import Backup, Stanza
from settings import AgentError, Repository
from wal import Segment

STANZA = "20261124-150312-ab12"
FORMER = "20261101-000000-aaaa"
BEGAN = 1795500000
MINUTE = 60


def backup(number: int, stop: int | None = None) -> Backup:
    """Taken in minute `number`, whose WAL it begins with."""
    ended = BEGAN + number * MINUTE
    names = [Segment(1, one).name for one in (number, stop or number)]
    return Backup(f"backup-{number}", "full", ended - 1, ended, *names, 1, 1, False)


def archive(*segments: int) -> Archive:
    """A segment a minute, which arrives at its end."""
    return Archive({Segment(1, one): BEGAN + one * MINUTE for one in segments})


class Windows(unittest.TestCase):
    def windows(self, backups: list[Backup], wal: Archive) -> list[tuple[float, float]]:
        history = Stanza(STANZA, "1", "17", backups)
        found = histories.windows(history, wal, histories.gaps_of(history, wal))
        return [((start - BEGAN) / MINUTE, (end - BEGAN) / MINUTE) for start, end in found]

    def test_without_a_gap_it_is_one_from_the_oldest_backup_to_the_newest_wal(self):
        self.assertEqual(self.windows([backup(1), backup(4)], archive(1, 2, 3, 4, 5, 6)), [(1, 6)])
        self.assertEqual(self.windows([backup(1)], archive()), [(1, 1)])
        self.assertEqual(self.windows([], archive(1)), [])

    def test_a_repository_whose_clock_is_behind_makes_no_gap(self):
        behind = Archive({segment: BEGAN - 1000 * MINUTE for segment in archive(1, 2, 3, 4).segments})
        self.assertEqual(self.windows([backup(1), backup(4)], behind), [(1, 4)])

    def test_one_ends_before_a_gap_and_the_next_begins_with_the_backup_behind_it(self):
        # The transaction by which a time of the last minute is known to be reached may be in the gap.
        self.assertEqual(self.windows([backup(1), backup(2), backup(8)], archive(1, 2, 3, 4, 7, 8, 9)), [(1, 3), (8, 9)])
        self.assertEqual(self.windows([backup(1)], archive(1, 2, 3, 5, 6)), [(1, 2)])

    def test_a_backup_whose_own_wal_is_missing_has_none(self):
        self.assertEqual(self.windows([backup(1, stop=3), backup(5)], archive(1, 3, 4, 5, 6)), [(5, 6)])

    def test_a_new_timeline_goes_on_where_the_former_one_ended(self):
        wal = archive(1, 2, 3)
        wal.segments.update({Segment(2, 3): BEGAN + 4 * MINUTE, Segment(2, 4): BEGAN + 5 * MINUTE})
        self.assertEqual(self.windows([backup(1)], wal), [(1, 5)])


def told(name: str, code: int = 0, backups: tuple[int, ...] = (1,)) -> dict:
    """As `pgbackrest info` has it."""
    return {
        "name": name,
        "status": {"code": code, "message": "other"},
        "repo": [{"status": {"message": "ERROR: [029]: damaged"}}],
        "db": [{"system-id": 1, "version": "17"}],
        "backup": [
            {
                "label": "backup",
                "type": "full",
                "timestamp": {"start": BEGAN, "stop": BEGAN + one},
                "archive": {"start": Segment(1, one).name, "stop": Segment(1, one).name},
                "info": {"size": 1, "repository": {"delta": 1}},
            }
            for one in backups
        ],
    }


class Asked(unittest.TestCase):
    """Repository 2 is away, or has what a test says."""

    def setUp(self):
        support.empty_folders()
        self.has = {1: [told(STANZA)], 2: [told("[invalid]", 99)]}
        self.said: list[str] = []
        self.enterContext(mock.patch.object(repositories, "call", self.call))
        self.enterContext(mock.patch.object(histories.pgbackrest, "write_configuration"))
        self.told = support.told(role="database", repositories=[Repository(1, "local", {}), Repository(2, "s3", {})])

    def call(self, command: str, *_options: str, repository: int, **_others: object) -> str:
        answers = {"info": json.dumps(self.has[repository]), "repo-ls": "{}", "verify": "status: ok"}
        return answers[command]

    def listed(self) -> tuple[list[tuple[str, list[int]]], list[dict]]:
        found = histories.run(self.told, Namespace(), self.said.append)
        return [(one["stanza"], [each["repository"] for each in one["repositories"]]) for one in found["histories"]], found["problems"]

    def verified(self) -> list[str]:
        try:
            histories.verify(self.told, Namespace(), self.said.append)
        except AgentError as error:
            return error.message.split("\n")
        return []

    def test_a_repository_that_can_t_be_read_is_a_problem_of_the_list(self):
        message = "it can't be read: ERROR: [029]: damaged / other"
        self.assertEqual(self.listed(), ([(STANZA, [1])], [{"repository": 2, "kind": "s3", "stanza": None, "message": message}]))

    def test_a_history_that_can_t_be_read_hides_no_other(self):
        self.has[2] = [told(FORMER, 99), told(STANZA)]
        found, (problem,) = self.listed()
        self.assertEqual(found, [(STANZA, [1, 2])])
        self.assertEqual(problem["stanza"], FORMER)
        self.assertRegex(problem["message"], f"^history {FORMER} can't be read: ERROR")
        self.assertEqual(repositories.history(2, STANZA).name, STANZA)
        with self.assertRaisesRegex(AgentError, FORMER):
            repositories.history(2, FORMER)
        self.assertRegex(" ".join(self.verified()), f"^repository 2 .s3.: history {FORMER} can't be read")

    def test_one_that_can_t_be_read_is_not_one_without_the_history(self):
        with self.assertRaises(AgentError):
            repositories.history(2, STANZA)
        self.has[2] = []
        self.assertIsNone(repositories.history(2, STANZA))

    def test_a_repository_without_a_backup_of_the_present_history_is_not_well(self):
        missing = [f"repository 2 (s3): it has no readable backup of the present history {STANZA}"]
        for has in ([], [told(FORMER)], [told(STANZA, 2, ())]):
            self.has[2] = has
            self.assertEqual(self.verified(), missing)
        self.has[2] = [told(STANZA)]
        self.assertEqual(self.verified(), [])
