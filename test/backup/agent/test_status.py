import errno
import multiprocessing
import threading
import unittest
from pathlib import Path
from unittest import mock

import support
import durable
import settings
import status


def count(times: int) -> None:
    for _ in range(times):
        status.update("files", lambda known: known.update(count=known.get("count", 0) + 1))


class Status(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def test_missing_and_torn_are_empty(self):
        self.assertEqual(status.read("files"), {})
        for torn in ("", '{"lastSlot": "20', "[1]"):
            (settings.FILES / "status.json").write_text(torn)
            self.assertEqual(status.read("files"), {})

    def test_roles_have_their_own(self):
        status.update("database", lambda known: known.update(a=1))
        self.assertEqual((status.read("database"), status.read("files")), ({"a": 1}, {}))

    def test_a_change_that_fails_changes_nothing(self):
        status.update("files", lambda known: known.update(a=1))
        with self.assertRaises(ZeroDivisionError):
            status.update("files", lambda known: known.update(a=1 // 0))
        self.assertEqual(status.read("files"), {"a": 1})

    def test_while_the_disk_is_full_it_is_told_from_memory(self):
        status.update("files", lambda known: known.update(a=1))
        write = durable.write

        def full(path: Path, text: str) -> None:
            if path.parent == settings.FILES:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(path, text)

        with mock.patch.object(durable, "write", full):
            status.update("files", lambda known: known.update(a=2))
        self.assertEqual(status.read("files"), {"a": 2})
        status.update("files", lambda known: known.update(b=3))
        self.assertEqual((status.read("files"), list(settings.RUN.iterdir())), ({"a": 2, "b": 3}, []))

    def test_no_update_is_lost_between_threads_and_processes(self):
        fork = multiprocessing.get_context("fork")
        workers = [kind(target=count, args=(25,)) for kind in (threading.Thread, threading.Thread, fork.Process, fork.Process)]
        for worker in reversed(workers):
            worker.start()
        for worker in workers:
            worker.join(60)
        self.assertEqual(status.read("files"), {"count": 100})
