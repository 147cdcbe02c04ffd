import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from contextlib import suppress
from unittest import mock

import support
import lock
import process
import settings
from settings import AgentError

HOLDER = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX)\nprint('held', flush=True); sys.stdin.read()"


class Lock(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def test_one_at_a_time_and_free_once_the_other_has_died(self):
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, settings.LOCK_FILE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with holder:
            self.assertEqual(holder.stdout.readline(), "held\n")
            with self.assertRaises(AgentError) as caught, lock.one_at_a_time(0.1):
                pass
            self.assertEqual(caught.exception.code, "busy")
            holder.kill()
        with lock.one_at_a_time(5):
            pass

    def orphan(self, options: str) -> int:
        """What an agent ran that was killed while it held the lock."""
        agent = f"""
import sys; sys.path[:0] = {sys.path!r}
import settings, lock, process
settings.LOCK_FILE = {str(settings.LOCK_FILE)!r}
with lock.one_at_a_time(1):
    process.run(["sh", "-c", "echo $$; exec sleep 300"], seconds=300, on_line=lambda line: print(line, flush=True), {options})
"""
        with subprocess.Popen([sys.executable, "-c", agent], stdout=subprocess.PIPE, text=True) as killed:
            orphan = int(killed.stdout.readline())
            killed.kill()
        return orphan

    def test_restic_holds_it_until_it_ends_when_its_agent_is_killed(self):
        orphan = self.orphan("pass_fds=lock.held()")
        with self.assertRaises(AgentError), lock.one_at_a_time(0.1):
            pass
        os.kill(orphan, signal.SIGKILL)
        with lock.one_at_a_time(5):
            pass
        self.assertEqual(lock.held(), ())

    def test_what_else_an_agent_that_is_killed_leaves_keeps_nobody_waiting(self):
        orphan = self.orphan("")
        self.addCleanup(os.kill, orphan, signal.SIGKILL)
        with lock.one_at_a_time(5):
            pass

    def test_it_is_free_after_an_error(self):
        with self.assertRaises(ValueError), lock.one_at_a_time(1):
            raise ValueError
        with lock.one_at_a_time(0.1):
            pass


@mock.patch.object(lock, "POLL_SECONDS", 0.02)
@mock.patch.object(process, "LOOK_SECONDS", 0.05)
class Restore(unittest.TestCase):
    """Marks belong to the open file: two threads meet as two containers do."""

    def setUp(self):
        support.empty_folders()
        self.said: list[str] = []
        self.restored = threading.Event()

    def restore(self) -> threading.Thread:
        def work() -> None:
            with lock.for_a_restore(self.said.append):
                self.restored.set()

        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join, 5)
        self.wait_for_lines(1)
        return thread

    def wait_for_lines(self, count: int) -> None:
        deadline = time.monotonic() + 5
        while len(self.said) < count and time.monotonic() < deadline:
            time.sleep(0.01)

    def test_it_ends_a_drill_and_the_program_that_this_runs(self):
        with self.assertRaises(AgentError) as caught, lock.until_a_restore_waits(1, self.said.append):
            process.run(["true"], seconds=5)
            self.restore()
            process.run(["sleep", "300"], seconds=300)
        self.assertEqual(caught.exception.code, "stopped")
        self.assertTrue(self.restored.wait(5))
        self.assertEqual(self.said, ["a drill runs, which is ended for this restore (0 s so far)"])
        process.run(["true"], seconds=5)

    def test_a_backup_is_waited_for_and_none_begins_before_it(self):
        with lock.one_at_a_time(1):
            self.restore()
            with self.assertRaises(AgentError) as caught, lock.one_at_a_time(0.1):
                pass
            self.assertEqual(caught.exception.code, "busy")
            process.run(["true"], seconds=5)
            self.assertFalse(self.restored.is_set())
        self.assertTrue(self.restored.wait(5))
        self.assertRegex(self.said[0], "^a backup, or a check of the backups, runs, and is waited for")
        with lock.one_at_a_time(5):
            pass

    def test_what_waits_for_a_drill_or_a_restore_says_so(self):
        runs, free = threading.Event(), threading.Event()
        self.addCleanup(free.set)

        def drill() -> None:
            with lock.until_a_restore_waits(1, self.said.append):
                runs.set()
                free.wait(5)

        thread = threading.Thread(target=drill)
        thread.start()
        self.addCleanup(thread.join, 5)
        self.assertTrue(runs.wait(5))
        waiting: list[str] = []
        while not waiting:
            with suppress(AgentError), lock.one_at_a_time(0.05, waiting.append):
                pass
        self.assertEqual(waiting, ["a drill runs, and is waited for (0 s so far)"])
        self.restore()
        with self.assertRaises(AgentError), lock.one_at_a_time(0.05, waiting.append):
            pass
        self.assertEqual(waiting[1:], ["a restore waits, and comes first (0 s so far)"])

    def test_another_restore_is_named_and_what_waits_is_said_again(self):
        with mock.patch.object(lock, "SAY_EVERY_SECONDS", 0.1), lock.for_a_restore(lambda _text: None):
            self.restore()
            self.wait_for_lines(2)
        self.assertTrue(self.restored.wait(5))
        self.assertGreater(len(self.said), 1)
        self.assertRegex(self.said[-1], "^a restore runs, and is waited for")
