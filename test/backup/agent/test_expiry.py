import unittest
from unittest import mock

import support
import expiry
from repository import Backup, Stanza
from settings import AgentError

DAY = expiry.DAY_SECONDS
NOW = 1795500000.0


class Past(unittest.TestCase):
    def is_past(self, newest_days_ago: float | None, began_days_ago: float | None) -> bool:
        newest, began = (None if days is None else NOW - days * DAY for days in (newest_days_ago, began_days_ago))
        return expiry.is_past(newest, began, NOW, 30)

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


class Unreadable(unittest.TestCase):
    def test_a_history_that_can_t_be_read_is_told_once_the_others_are_expired(self):
        newest = Backup("backup", "full", 1, 2, "0" * 24, "0" * 24, 1, 1, False)
        unreadable = {"former": AgentError("repository-unreachable", "history former can't be read")}
        found = [Stanza("present", "1", "17", [newest])], unreadable
        with (
            mock.patch.object(expiry.clock, "expiry_allowed", return_value=True),
            mock.patch.object(expiry.repositories, "info", return_value=found),
            mock.patch.object(expiry.repositories, "call") as call,
            self.assertRaisesRegex(AgentError, "history former"),
        ):
            expiry.expire(support.told(role="database"), "present", 1, newest, print)
        self.assertEqual([one.kwargs["stanza"] for one in call.mock_calls], ["present"])
