import unittest
from unittest import mock

import support
import gaps
import settings
import status
from settings import AgentError

FIRST = {"from": "000000010000000000000003", "to": "000000010000000000000004", "foundAt": "2026-11-24T15:00:00Z"}
STANZA = "20261124-150312-ab12"


def known() -> dict:
    return status.read("database")


def wishes() -> dict:
    return {number: one.get("backupWanted") for number, one in known()["repositories"].items()}


class Gaps(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.repositories: dict[int, object] = {1: [], 2: []}
        self.asked: list[int] = []
        patched = mock.patch.object(gaps, "_gaps_in", self.gaps_in)
        patched.start()
        self.addCleanup(patched.stop)
        told = [settings.Repository(1, "local", {}), settings.Repository(2, "s3", {})]
        self.watch = gaps.Watch(support.told(role="database", repositories=told))

    def gaps_in(self, number: int, _stanza: str) -> list[dict]:
        self.asked.append(number)
        found = self.repositories[number]
        if isinstance(found, Exception):
            raise found
        return [{"repository": number, **one} for one in found]

    def ticks(self) -> list[int]:
        self.asked.clear()
        self.watch.tick()
        return list(self.asked)

    def test_each_is_asked_once_in_six_hours(self):
        self.assertEqual((self.ticks(), self.ticks()), ([1, 2], []))
        with mock.patch.object(gaps.time, "monotonic", return_value=gaps.time.monotonic() + gaps.EVERY_SECONDS + 1):
            self.assertEqual(self.ticks(), [1, 2])

    def test_one_that_could_not_be_asked_is_asked_again_and_what_was_known_of_it_stays(self):
        status.update("database", lambda known: known.update(stanza=STANZA, gaps=[{"repository": 1, **FIRST}]))
        self.repositories[1] = AgentError("deadline", "it hangs")
        self.assertEqual((self.ticks(), self.ticks()), ([1, 2], [1]))
        self.assertEqual(known()["gaps"], [{"repository": 1, **FIRST}])
        self.repositories[1] = []
        self.assertEqual((self.ticks(), self.ticks()), ([1], []))
        self.assertEqual(known()["gaps"], [])

    def test_archiving_that_was_mended_makes_a_look_due_also_when_it_was_during_one(self):
        self.ticks()
        status.update("database", lambda known: known.update(archiveMendedAt="2026-11-24T15:00:00Z"))
        self.repositories[2] = AgentError("deadline", "it hangs")
        self.assertEqual(self.ticks(), [1, 2])

        def mend(number: int, _stanza: str) -> list[dict]:
            status.update("database", lambda known: known.update(archiveMendedAt="2026-11-24T15:01:00Z"))
            return []

        with mock.patch.object(gaps, "_gaps_in", mend):
            self.watch.tick()
        self.assertIn(2, self.ticks())

    def test_archiving_fails_until_every_repository_was_looked_at(self):
        failing = {"archiveFailing": True, "archiveFailingSince": "2026-11-24T14:00:00Z"}
        status.update("database", lambda known: known.update(failing, archiveMendedAt="2026-11-24T15:00:00Z"))
        self.repositories[2] = AgentError("deadline", "it hangs")
        self.ticks()
        self.assertTrue(known()["archiveFailing"])
        self.repositories[2] = []
        self.assertEqual((self.ticks(), self.ticks()), ([2], []))
        self.assertEqual((known()["archiveFailing"], known()["archiveFailingSince"]), (False, None))

    def test_a_new_gap_wants_a_backup_and_a_known_one_wants_none(self):
        self.repositories[2] = [FIRST]
        self.ticks()
        self.assertEqual((known()["gaps"], wishes()), ([{"repository": 2, **FIRST}], {"1": None, "2": gaps.WANTED}))
        status.update("database", lambda known: known["repositories"]["2"].update(backupWanted=None))
        status.update("database", lambda known: known.update(archiveMendedAt="2026-11-24T15:00:00Z"))
        self.repositories[2] = [{**FIRST, "foundAt": "2026-11-24T16:00:00Z"}]
        self.assertEqual(self.ticks(), [1, 2])
        self.assertEqual((known()["gaps"], wishes()), ([{"repository": 2, **FIRST}], {"1": None, "2": None}))

    def test_gaps_of_another_history_are_none_of_this_one(self):
        status.update("database", lambda known: known.update(stanza="before", gaps=[{"repository": 2, **FIRST}]))
        self.repositories[2] = AgentError("deadline", "it hangs")
        self.ticks()
        self.assertEqual((known()["stanza"], known()["gaps"]), (STANZA, []))
