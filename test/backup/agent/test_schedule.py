import unittest
from datetime import datetime, timedelta, timezone

import support  # noqa: F401
import schedule


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


def last(text: str, after: datetime, until: datetime) -> datetime | None:
    return schedule.last_slot(schedule.parse(text), after, until)


class Schedule(unittest.TestCase):
    def test_the_newest_of_many_missed_slots(self):
        self.assertEqual(last("0 3 * * *", at(2026, 1, 1), at(2026, 11, 24, 15)), at(2026, 11, 24, 3))

    def test_after_is_outside_and_until_is_inside(self):
        self.assertIsNone(last("0 3 * * *", at(2026, 11, 24, 3), at(2026, 11, 25, 2, 59, 59)))
        self.assertEqual(last("0 3 * * *", at(2026, 11, 24, 3), at(2026, 11, 25, 3)), at(2026, 11, 25, 3))

    def test_nothing_when_the_clock_is_behind_the_last_slot(self):
        self.assertIsNone(last("0 3 * * *", at(2026, 11, 24, 3), at(2026, 11, 20)))

    def test_steps_lists_and_spans(self):
        self.assertEqual(last("*/15 8-10,20 * * *", at(2026, 11, 24), at(2026, 11, 24, 19)), at(2026, 11, 24, 10, 45))
        self.assertEqual(last("5/20 * * * *", at(2026, 11, 24), at(2026, 11, 24, 1, 44)), at(2026, 11, 24, 1, 25))

    def test_sunday_is_0_and_7(self):
        for day in ("0", "7", "5-7"):
            self.assertEqual(last(f"0 0 * * {day}", at(2026, 11, 1), at(2026, 11, 22, 12)), at(2026, 11, 22))

    def test_either_of_both_days_counts_when_both_are_restricted(self):
        self.assertEqual(last("0 0 13 * 5", at(2026, 11, 1), at(2026, 11, 12)), at(2026, 11, 6))
        self.assertEqual(last("0 0 13 * 5", at(2026, 11, 1), at(2026, 11, 14)), at(2026, 11, 13))

    def test_leap_days_are_found_and_impossible_ones_are_not_looked_for_for_ever(self):
        self.assertEqual(last("0 0 29 2 *", at(2020, 3, 1), at(2026, 11, 24)), at(2024, 2, 29))
        self.assertIsNone(last("0 0 30 2 *", at(1990, 1, 1), at(2026, 11, 24)))

    def test_what_is_no_schedule_says_what_is_wrong(self):
        for text in ("", "* * * *", "60 * * * *", "* * 0 * *", "* * * JAN *", "1-0 * * * *", "*/0 * * * *", "@daily x x x x"):
            with self.subTest(text), self.assertRaises(ValueError):
                schedule.parse(text)


class Interval(unittest.TestCase):
    def hours(self, text: str, now: datetime) -> float | None:
        found = schedule.interval(schedule.parse(text), now)
        return found and found / timedelta(hours=1)

    def test_of_each_night(self):
        self.assertEqual(self.hours("0 3 * * *", at(2026, 11, 24, 16)), 24)

    def test_at_a_slot_and_with_a_part_of_its_minute(self):
        self.assertEqual(self.hours("*/15 * * * *", at(2026, 11, 24, 16)), 0.25)
        self.assertEqual(self.hours("*/15 * * * *", at(2026, 11, 24, 16, 0, 59)), 0.25)

    def test_a_weekend_is_long_while_it_lasts_and_until_the_backup_after_it_is_taken(self):
        # 2026-11-20 is a Friday.
        for now in (at(2026, 11, 21, 12), at(2026, 11, 22, 12), at(2026, 11, 23, 3, 5)):
            self.assertEqual(self.hours("0 3 * * 1-5", now), 72)
        self.assertEqual(self.hours("0 3 * * 1-5", at(2026, 11, 24, 3, 5)), 24)

    def test_of_leap_days_are_years_and_what_never_comes_has_none(self):
        self.assertEqual(self.hours("0 0 29 2 *", at(2026, 11, 24)), 24 * (4 * 365 + 1))
        self.assertIsNone(self.hours("0 0 30 2 *", at(2026, 11, 24)))
