"""What the agent begins, tick by tick."""

import threading
import unittest
from datetime import datetime, timedelta, timezone
from unittest import mock

import support
import moments
import serve
import status
from settings import AgentError, Repository

NOW = datetime(2026, 11, 24, 4, 30, tzinfo=timezone.utc)
TAKEN = moments.text(NOW - timedelta(hours=1))


class Gaps(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.enterContext(mock.patch.object(serve, "log"))
        # Without a database it watches none, and needs no psycopg2.
        self.agent = serve.Agent(support.told(role="database", stanza=None), threading.Event())
        self.agent.told = support.told(role="database", repositories=[Repository(1, "local", {}), Repository(2, "s3", {})])
        self.agent._start = lambda kind, *_: self.started.append(kind)

    def started_by_a_tick(self, wants: dict[str, bool]) -> list[str]:
        self.started: list[str] = []
        wishes = {number: "WAL is missing" if wanted else None for number, wanted in wants.items()}
        entries = {number: {"lastBackupAt": TAKEN, "backupWanted": wish} for number, wish in wishes.items()}
        status.update("database", lambda known: known.update(repositories=entries, lastSlot=TAKEN))
        with mock.patch.object(moments, "now", return_value=NOW):
            self.agent._start_what_is_due()
        return self.started

    def backup_fails(self) -> None:
        self.agent.worker.start("backup", mock.Mock(side_effect=AgentError("backup-failed", "away")), lambda _error: None)
        self.agent.worker.join(5)

    def test_a_new_one_s_backup_waits_for_no_other_repository_and_so_for_no_drill_that_gave_way_to_it(self):
        self.assertEqual(self.started_by_a_tick({"1": False, "2": True}), ["backup"])
        self.backup_fails()
        self.assertEqual(self.started_by_a_tick({"1": False, "2": True}), ["drill"])
        self.assertEqual(self.started_by_a_tick({"1": True, "2": True}), ["backup"])
        self.backup_fails()
        self.assertEqual(self.started_by_a_tick({"1": True, "2": True}), ["drill"])
