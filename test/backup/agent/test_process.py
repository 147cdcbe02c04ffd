import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import support  # noqa: F401
import process
from settings import AgentError


def shell(script: str, seconds: float = 20, **options: object) -> process.Completed:
    return process.run(["sh", "-c", script], seconds=seconds, **options)


def lives(pid: int) -> bool:
    """Given a second: a signal is on its way when `kill` returns. Whoever is only not yet waited for has ended."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.02)
    return True


class Run(unittest.TestCase):
    def test_output_input_environment_and_exit_code(self):
        heard: list[str] = []
        done = shell("echo out; echo $X >&2; cat; exit 3", stdin="in\n", env={"X": "err"}, on_line=heard.append, nice=5)
        self.assertEqual((done.exit_code, done.stdout, done.stderr), (3, "out\nin\n", "err\n"))
        self.assertEqual(sorted(heard), ["err", "in", "out"])

    def test_no_shell_sees_the_arguments(self):
        self.assertEqual(process.run(["echo", "$HOME; `id`"], seconds=20).stdout, "$HOME; `id`\n")

    def test_the_whole_group_ends_at_the_deadline(self):
        pids: list[str] = []
        with self.assertRaises(AgentError) as caught:
            shell("sleep 300 & echo $!; sleep 300", seconds=2, on_line=pids.append)
        self.assertEqual(caught.exception.code, "deadline")
        self.assertFalse(lives(int(pids[0])))

    def test_what_a_child_leaves_behind_does_not_stay_nor_hold_us_up(self):
        started = time.monotonic()
        pid = int(shell("sleep 300 & echo $!", seconds=1.5).stdout)
        self.assertLess(time.monotonic() - started, 10)
        self.assertFalse(lives(pid))

    def test_only_the_last_lines_are_kept_when_asked_for(self):
        self.assertEqual(shell("seq 100000", keep_lines=2).stdout, "99999\n100000\n")

    def test_a_listener_that_fails_neither_stops_the_child_nor_is_lost(self):
        with self.assertRaises(ZeroDivisionError):
            shell("seq 100000", on_line=lambda line: 1 // 0)

    def test_who_wants_no_input_gets_none_and_who_stops_reading_is_no_error(self):
        self.assertEqual(shell("cat").stdout, "")
        self.assertEqual(shell("exit 0", stdin="x" * 1_000_000).exit_code, 0)


class Signals(unittest.TestCase):
    def test_the_children_end_with_the_agent(self):
        script = (
            "import process; process.end_all_on_signals();"
            "process.run(['sh', '-c', 'echo $$; sleep 300'], seconds=300, on_line=lambda line: print(line, flush=True))"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parent)}
        agent = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        with agent:
            child = int(agent.stdout.readline())
            agent.send_signal(signal.SIGTERM)
            self.assertEqual(agent.wait(10), 128 + signal.SIGTERM)
        self.assertFalse(lives(child))
