import unittest
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from unittest import mock

import support
import clock
import moments
import record
import status
from clock import Reading

NOW = Reading(datetime(2026, 11, 24, 12, tzinfo=timezone.utc), 5000.0, "boot-1")


def later(seconds: float, wall: timedelta | None = None, boot: str = "boot-1") -> Reading:
    return Reading(NOW.wall + (timedelta(seconds=seconds) if wall is None else wall), NOW.steady + seconds, boot)


class Jump(unittest.TestCase):
    def test_a_clock_that_goes_is_no_jump(self):
        self.assertIsNone(clock.jump(NOW, later(5), NOW.wall))
        self.assertIsNone(clock.jump(NOW, later(5, timedelta(minutes=9)), NOW.wall))
        self.assertIsNone(clock.jump(None, NOW, None))

    def test_ahead_and_back(self):
        for moved in (timedelta(minutes=11), timedelta(days=1000), -timedelta(minutes=11)):
            self.assertIn("jumped", clock.jump(NOW, later(5, moved), None))

    def test_a_backup_from_the_future(self):
        self.assertIn("newest backup", clock.jump(None, NOW, NOW.wall + timedelta(hours=1)))

    def test_between_two_boots_a_day_is_believed_and_a_year_is_not(self):
        self.assertIsNone(clock.jump(NOW, later(-4000, timedelta(hours=20), "boot-2"), None))
        self.assertIn("nobody measured", clock.jump(NOW, later(-4000, timedelta(days=365), "boot-2"), None))


class Hold(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def test_it_ends_after_a_day_of_steady_time_whatever_the_wall_clock_says(self):
        known: dict = {}
        clock.hold(known, NOW)
        clock.follow(known, later(5, timedelta(days=5000)))
        self.assertTrue(known["clockJumped"])
        clock.follow(known, later(24 * 3600 - 1))
        self.assertTrue(known["expiryHeldUntil"])
        clock.follow(known, later(24 * 3600))
        self.assertFalse(known["clockJumped"] or known["expiryHeldUntil"])

    def test_a_new_boot_starts_it_anew(self):
        known: dict = {}
        clock.hold(known, NOW)
        rebooted = replace(NOW, boot="boot-2", steady=10.0)
        clock.follow(known, rebooted)
        self.assertEqual(known["expiryHeldUntil"], {"boot": "boot-2", "steadySeconds": 10.0 + 24 * 3600})

    def test_after_a_jump_ahead_no_backup_begins_by_itself_for_an_hour(self):
        for ahead, moved in ((True, timedelta(hours=9)), (False, -timedelta(hours=9))):
            known: dict = {}
            record.clock_reading(known, NOW, later(5, moved), True, {})
            self.assertEqual(bool(known.get("backupsHeldUntil")), ahead)
            clock.follow(known, later(5 + 3599, moved))
            self.assertEqual((bool(known.get("backupsHeldUntil")), known["clockJumped"]), (ahead, True))
            clock.follow(known, later(5 + 3600))
            self.assertEqual((bool(known.get("backupsHeldUntil")), known["clockJumped"]), (False, True))

    def test_a_clock_that_is_only_behind_the_newest_backup_holds_no_backups(self):
        known: dict = {}
        record.clock_reading(known, NOW, later(5, timedelta(seconds=6)), True, {})
        self.assertNotIn("backupsHeldUntil", known)

    def test_a_machine_that_comes_back_years_later_may_have_jumped_ahead(self):
        known: dict = {}
        record.clock_reading(known, NOW, later(-4000, timedelta(days=400), "boot-2"), True, {})
        self.assertEqual(known["backupsHeldUntil"], {"boot": "boot-2", "steadySeconds": 1000.0 + 3600})
        clock.follow(known, replace(NOW, boot="boot-3", steady=10.0))
        self.assertEqual(known["backupsHeldUntil"], {"boot": "boot-3", "steadySeconds": 10.0 + 3600})

    def allowed(self, known: dict, now: Reading) -> bool:
        status.update("files", lambda empty: empty.update(known))
        with mock.patch.object(clock, "read", return_value=now):
            return clock.expiry_allowed("files")

    def test_expiry_is_allowed_when_nothing_is_odd(self):
        known: dict = {}
        clock.follow(known, NOW)
        self.assertTrue(self.allowed(known, later(60)))

    def test_nothing_is_expired_while_it_is_held(self):
        known: dict = {}
        clock.hold(known, NOW)
        clock.follow(known, NOW)
        self.assertFalse(self.allowed(known, later(60)))

    def test_nothing_is_expired_when_the_clock_jumped_since_the_loop_last_looked(self):
        known: dict = {}
        clock.follow(known, NOW)
        self.assertFalse(self.allowed(known, later(60, timedelta(days=400))))

    def test_nothing_is_expired_when_the_clock_is_behind_the_newest_backup(self):
        known = {"repositories": {"1": {"lastBackupAt": moments.text(NOW.wall + timedelta(days=1))}}}
        self.assertFalse(self.allowed(known, NOW))
