import unittest

import support  # noqa: F401
import backup

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
