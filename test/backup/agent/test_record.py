import unittest

import support
import record
import status
from settings import AgentError

FIELDS = {"lastSlot": "2026-11-24T03:00:00Z", "stateSeen": "1 2"}


class Record(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def recorded(self, error: AgentError | None) -> dict:
        record.outcome("files", "backup", FIELDS, error)
        return status.read("files")

    def test_a_good_run_is_handled(self):
        known = self.recorded(None)
        self.assertEqual({name: known[name] for name in FIELDS}, FIELDS)

    def test_a_repository_that_failed_is_tried_again_by_itself_and_the_slot_is_over(self):
        known = self.recorded(AgentError("backup-failed", "refused"))
        self.assertEqual((known["lastSlot"], known["failures"]), (FIELDS["lastSlot"], {"backup": "refused"}))
        self.assertNotIn("stateSeen", known)

    def test_a_backup_of_the_files_of_all_repositories_mends_that_of_the_state(self):
        failed = {"state": "refused"}
        for fields, left in ((FIELDS, None), ({"lastSlot": FIELDS["lastSlot"]}, "refused")):
            status.update("files", lambda known: known.update(failures=dict(failed)))
            record.outcome("files", "backup", fields, None)
            self.assertEqual(status.read("files")["failures"]["state"], left)
        record.typed(support.told(), "backup", {})
        self.assertIsNone(status.read("files")["failures"]["state"])

    def test_a_run_that_never_was_leaves_its_slot_due(self):
        self.assertNotIn("lastSlot", self.recorded(AgentError("bug", "Traceback")))
