import unittest

import support  # noqa: F401
from settings import AgentError
from worker import Worker


class Work(unittest.TestCase):
    def setUp(self):
        self.logged: list[str] = []
        self.ended: list[AgentError | None] = []
        self.worker = Worker(self.logged.append)

    def do(self, error: Exception | None = None) -> None:
        def work() -> None:
            if error:
                raise error

        self.worker.start("backup", work, self.ended.append)
        self.worker.join(10)

    def test_failures_are_counted_until_it_goes_well(self):
        self.assertEqual(self.worker.tried("backup").failures, 0)
        self.do(AgentError("backup-failed", "refused"))
        self.do(ValueError("a bug"))
        self.assertEqual(self.worker.tried("backup").failures, 2)
        self.assertIn("Traceback", self.ended[-1].message)
        self.do()
        self.assertEqual(self.worker.tried("backup").failures, 0)

    def test_busy_and_stopped_count_as_not_tried(self):
        for code in ("busy", "stopped"):
            self.do(AgentError(code, "later"))
        self.assertEqual((self.worker.tried("backup").must_wait(), self.worker.tried("backup").just_ended()), (False, False))
        self.assertEqual(self.ended, [])
