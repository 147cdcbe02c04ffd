import types
import unittest
from unittest import mock

import support
import backup
import settings

DAY = backup.DAY_SECONDS
NOW = 1795500000.0


class Past(unittest.TestCase):
    def is_past(self, newest_days_ago: float | None, began_days_ago: float | None) -> bool:
        newest, began = (None if days is None else NOW - days * DAY for days in (newest_days_ago, began_days_ago))
        return backup.is_past(newest, began, NOW, 30)

    def test_a_former_history_goes_when_it_ended_and_the_present_one_began_longer_ago_than_is_kept(self):
        self.assertTrue(self.is_past(40, 30.1))
        self.assertTrue(self.is_past(30.1, 40))

    def test_what_was_recovered_from_stays_however_old_it_is_until_the_present_one_reaches_as_far_back(self):
        self.assertFalse(self.is_past(400, 0))
        self.assertFalse(self.is_past(400, 29.9))

    def test_one_that_was_at_work_lately_stays(self):
        self.assertFalse(self.is_past(29.9, 400))

    def test_without_a_good_backup_of_the_present_one_or_a_trace_of_the_former_nothing_goes(self):
        self.assertFalse(self.is_past(400, None))
        self.assertFalse(self.is_past(None, 400))


class Waiting(unittest.TestCase):
    def test_archiving_that_fails_for_more_than_a_minute_is_said_before_the_backup_waits_for_it(self):
        known = {"archiveFailing": True, "archiveFailingSince": "2026-11-24T15:00:00Z"}
        began = backup.moments.parse(known["archiveFailingSince"]).timestamp()
        self.assertEqual(
            backup.archive_wait(known, began + 61),
            "archiving fails since 2026-11-24T15:00:00Z: the backup waits up to 10 minutes for its WAL",
        )
        self.assertIsNone(backup.archive_wait(known, began + 59))
        self.assertIsNone(backup.archive_wait({"archiveFailing": False, "archiveFailingSince": None}, began))
        self.assertIsNone(backup.archive_wait({}, began))


class Room(unittest.TestCase):
    def said(self, kind: str, free: int) -> str:
        usage = types.SimpleNamespace(total=100 << 20, free=free << 20)
        with mock.patch.object(backup.shutil, "disk_usage", return_value=usage):
            return backup._little_room(settings.Repository(1, kind, {}))

    def test_a_disk_that_is_nearly_full_is_named_where_it_is_the_repository_s(self):
        self.assertEqual(self.said("local", 4), "; its disk has 4 MiB free")
        self.assertEqual(self.said("local", 5), "")
        self.assertEqual(self.said("s3", 0), "")
