import unittest
from unittest import mock

import support
import settings

try:
    import archiver
except ModuleNotFoundError:  # psycopg2 is in the container
    archiver = None

STANZA = "20261124-150312-ab12"


@unittest.skipUnless(archiver, "needs psycopg2")
class Archiver(unittest.TestCase):
    def recorded(self, known: dict, failing: bool) -> dict:
        archiver._record(known, STANZA, {"archiveFailing": failing})
        return known

    def test_since_when_archiving_fails_is_kept_and_its_mending_is_told(self):
        known = self.recorded({"stanza": STANZA}, False)
        self.assertIsNone(known.get("archiveMendedAt"))
        since = self.recorded(known, True)["archiveFailingSince"]
        self.assertIsNotNone(since)
        known["archiveFailingSince"] = "2026-11-24T15:00:00Z"
        self.assertEqual(self.recorded(known, True)["archiveFailingSince"], "2026-11-24T15:00:00Z")
        self.assertIsNone(known.get("archiveMendedAt"))
        self.recorded(known, False)
        mended = known["archiveMendedAt"]
        self.assertIsNotNone(mended)
        # It ends when the archives were looked at.
        self.assertEqual((known["archiveFailing"], known["archiveError"]), (True, archiver.LOOKING))
        self.assertEqual(self.recorded(known, False)["archiveMendedAt"], mended)
        self.assertIsNone(self.recorded(known, True)["archiveMendedAt"])

    def test_when_it_was_last_looked_at_is_noted_and_that_the_agent_began_to_look(self):
        support.empty_folders()
        began, looked = (archiver.clock.Reading(archiver.clock.moments.now(), seconds, "boot-1") for seconds in (5.0, 6.0))
        with mock.patch.object(archiver.clock, "awake", side_effect=[began, looked]):
            archiver.begin(support.told(role="database"))
            known = archiver.status.read("database")
            self.assertEqual(known["archiveLook"]["steadySeconds"], 5.0)
            self.assertEqual(self.recorded(known, True)["archiveLook"]["steadySeconds"], 6.0)

    def test_a_database_that_is_being_switched_over_is_asked_again(self):
        well, away = {"archiveFailing": False}, archiver.psycopg2.OperationalError("connection refused")
        for answers, failing in [([well], False), ([away, well], False), ([away, away], True)]:
            with (
                self.subTest(answers=answers),
                mock.patch.object(archiver, "AGAIN_SECONDS", 0),
                mock.patch.object(archiver, "_asked", side_effect=answers),
            ):
                self.assertEqual(archiver._seen(mock.sentinel.settings)["archiveFailing"], failing)

    def test_what_the_local_repository_does_not_have_was_given_up(self):
        support.empty_folders()
        newest = "000000010000000000000003"
        with mock.patch.object(archiver, "DATABASE", settings.DATABASE):
            folder = settings.DATABASE / "repository" / "archive" / STANZA / "17-1" / newest[:16]
            self.assertFalse(archiver._was_given_up(STANZA, newest))
            folder.mkdir(parents=True)
            self.assertTrue(archiver._was_given_up(STANZA, newest))
            (folder / f"{newest}-0123456789abcdef.zst").touch()
            self.assertFalse(archiver._was_given_up(STANZA, newest))
            self.assertFalse(archiver._was_given_up(STANZA, "00000002.history"))
            self.assertFalse(archiver._was_given_up(STANZA, None))
