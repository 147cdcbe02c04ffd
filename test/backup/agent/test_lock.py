import subprocess
import sys
import unittest

import support
import lock
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

    def test_it_is_free_after_an_error(self):
        with self.assertRaises(ValueError), lock.one_at_a_time(1):
            raise ValueError
        with lock.one_at_a_time(0.1):
            pass
