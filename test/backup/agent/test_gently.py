"""What is written is flushed while it is written, and what is deleted shrinks first."""

import os
import subprocess
import sys
import threading
import unittest
from unittest import mock

import support
import gently
import settings


class Flushed(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.folder = settings.SCRATCH
        self.flushed: set[str] = set()
        self.seen = threading.Event()

    def flush(self, path: str) -> None:
        self.flushed.add(path)
        self.seen.set()

    def writes(self, path: str) -> subprocess.Popen:
        child = subprocess.Popen([sys.executable, "-c", f"file = open({path!r}, 'w'); print(flush=True); input()"], stdin=-1, stdout=-1)
        self.addCleanup(child.communicate, b"\n")
        child.stdout.readline()
        return child

    def program(self, child: subprocess.Popen) -> str:
        return (gently.PROCESSES / str(child.pid) / "comm").read_text().strip()

    @unittest.skipUnless(gently.PROCESSES.joinpath("self/fd").exists(), "needs Linux' /proc")
    def test_what_the_program_has_open_below_the_folder_and_nothing_else(self):
        inside, outside = f"{self.folder}/data", f"{settings.FILES}/data"
        child = self.writes(inside)
        self.writes(outside)
        with mock.patch.object(gently, "_flush", self.flush), gently.flushed(self.folder, self.program(child)):
            self.assertTrue(self.seen.wait(10))
        self.assertEqual(self.flushed, {inside})

    @unittest.skipUnless(gently.PROCESSES.joinpath("self/fd").exists(), "needs Linux' /proc")
    def test_of_another_program_nothing(self):
        self.writes(f"{self.folder}/data")
        self.assertEqual(gently._written(self.folder, "pgbackrest"), set())

    def test_a_file_that_is_gone_and_one_that_is_there(self):
        gently._flush(f"{self.folder}/gone")
        (self.folder / "there").write_text("data")
        gently._flush(f"{self.folder}/there")

    def test_the_block_s_failure_is_passed_on(self):
        with self.assertRaises(ValueError), gently.flushed(self.folder, "none"):
            raise ValueError


class Remove(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.outside = settings.FILES / "outside"
        self.outside.write_text("x" * 10)
        self.folder = settings.SCRATCH / "data"
        (self.folder / "base").mkdir(parents=True)

    def test_files_shrink_piece_by_piece_before_they_go(self):
        (self.folder / "base" / "large").write_bytes(b"x" * 25)
        (self.folder / "small").write_bytes(b"x" * 10)
        with (
            mock.patch.multiple(gently, PIECE_BYTES=10, PAUSE_SECONDS=0),
            mock.patch.object(gently.os, "truncate", wraps=os.truncate) as truncated,
        ):
            gently.remove(self.folder)
        sizes = [(path.name, size) for path, size in (call.args for call in truncated.call_args_list)]
        self.assertEqual(sizes, [("large", 15), ("large", 5)])
        self.assertFalse(self.folder.exists())

    def test_no_link_is_followed(self):
        (self.folder / "link").symlink_to(self.outside)
        (self.folder / "folder").symlink_to(settings.FILES)
        with mock.patch.multiple(gently, PIECE_BYTES=1, PAUSE_SECONDS=0):
            gently.remove(self.folder)
        self.assertEqual(self.outside.read_text(), "x" * 10)
