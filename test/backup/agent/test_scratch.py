"""How a Postgres on restored data is treated; programs that say how they were started stand in for it."""

import os
import unittest
from unittest import mock

import support
import process
import scratch
import settings

PROGRAMS = {
    "postgres": 'nice > "$(dirname "$0")/niceness"; exec sleep 60',
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
