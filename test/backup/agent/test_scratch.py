"""How a Postgres on restored data is treated; programs that say how they were started stand in for it."""

import os
import time
import unittest
from unittest import mock

import support
import process
import scratch
import settings
from settings import AgentError

PROGRAMS = {
    # As the real one, which ends its sessions by SIGQUIT alone.
    "postgres": """trap 'echo ended > "$(dirname "$0")/sessions"; exit' QUIT; trap '' TERM
        nice > "$(dirname "$0")/niceness"; sleep 60 & wait""",
    "pg_isready": 'test -s "$(dirname "$0")/niceness"',
    "pg_controldata": "exit 0",
    "pg_ctl": "exit 0",
    "pg_checksums": "nice; exit 1",
}


class Scratch(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.programs, self.data = settings.RUN, settings.SCRATCH
        for name, script in PROGRAMS.items():
            (self.programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (self.programs / name).chmod(0o755)
        self.enterContext(mock.patch.dict(os.environ, {"PATH": f"{self.programs}:{os.environ['PATH']}"}))

    def test_production_comes_first(self):
        with scratch.running(self.data, self.data / "log", lambda _text: None):
            self.assertEqual((self.programs / "niceness").read_text(), f"{process.NICE_OF_DRILLS}\n")
        self.assertEqual(scratch.checksums(self.data), [f"pg_checksums: {process.NICE_OF_DRILLS}"])

    def test_a_database_whose_drop_was_interrupted_is_asked_nothing(self):
        asked: list[str] = []

        def query(_server: object, database: str, sql: str, **_options: object) -> str:
            if "FROM pg_database" in sql:
                return "shop" if "datconnlimit <> -2" in sql else "shop\ngone"
            asked.append(database)
            return "0"

        sound = process.Completed(0, "", "")
        with mock.patch.object(scratch, "query", query), mock.patch.object(process, "run", return_value=sound):
            self.assertEqual(scratch.amcheck(mock.Mock()), [])
        self.assertEqual(set(asked), {"shop"})

    def test_what_is_left_early_ends_its_sessions_at_once(self):
        started = time.monotonic()
        with self.assertRaises(AgentError), scratch.running(self.data, self.data / "log", lambda _text: None):
            raise AgentError("stopped", "a restore waits")
        self.assertEqual((self.programs / "sessions").read_text(), "ended\n")
        self.assertLess(time.monotonic() - started, process.GRACE_SECONDS)
