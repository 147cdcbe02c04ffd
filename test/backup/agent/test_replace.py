"""With real folders, and `cp`, `du` and `sync` as the container has them; nothing in here needs root."""

import os
import shutil
import types
import unittest
from argparse import Namespace
from pathlib import Path
from unittest import mock

import support
import replace
import settings
import sources
from settings import AgentError

FORMER = {"a": "former", "folder/b": "former", "same": "former"}
RESTORED = {"a": "restored", "folder/c": "restored", ".hidden": "restored"}


class Killed(BaseException):
    """As SIGKILL ends it: nothing that follows is done."""


def fill(folder: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


class Replace(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        for name in ("current", "former", "restored"):
            (settings.TARGETS / name).mkdir()
        self.current, self.former, self.restored = (settings.TARGETS / name for name in ("current", "former", "restored"))
        fill(self.current, FORMER)
        fill(self.restored, RESTORED)

    def replace(self) -> None:
        replace.run(support.told(), Namespace(), lambda _text: None)

    def refused(self) -> AgentError:
        with self.assertRaises(AgentError) as caught:
            self.replace()
        return caught.exception

    def assert_replaced(self) -> None:
        self.assertEqual(content(self.current), RESTORED)
        self.assertNotIn(sources.REPLACING, os.listdir(self.current))

    def assert_as_it_was(self) -> None:
        self.assertEqual(content(self.current), FORMER)
        self.assertEqual(sorted(os.listdir(self.current)), ["a", "folder", "same"])

    def assert_set_aside(self) -> None:
        self.assertEqual(content(self.former), {**FORMER, replace.WHOLE: ""})
        self.assertEqual(sorted(os.listdir(self.former)), [replace.WHOLE, "a", "folder", "same"])

    def test_each_content_is_whole_in_its_place_and_nothing_else(self):
        self.replace()
        self.assert_replaced()
        self.assert_set_aside()
        self.assertEqual(content(self.restored), RESTORED)

    def test_modes_links_and_the_volume_s_own_folder_come_along_and_no_link_is_followed(self):
        outside = settings.TARGETS / "outside"
        outside.mkdir()
        fill(outside, {"kept": "kept"})
        (self.current / "link").symlink_to(outside)
        (self.restored / "link").symlink_to("nowhere")
        (self.restored / "a").chmod(0o640)
        self.restored.chmod(0o750)
        self.replace()
        self.assertEqual(content(outside), {"kept": "kept"})
        self.assertEqual(os.readlink(self.current / "link"), "nowhere")
        self.assertEqual(os.readlink(self.former / "link"), str(outside))
        self.assertEqual(((self.current / "a").stat().st_mode & 0o777, self.current.stat().st_mode & 0o777), (0o640, 0o750))

    def test_without_room_for_both_copies_nothing_is_written(self):
        size = sum(replace._size(folder) for folder in (self.current, self.restored))
        with self.free(size * 104 // 100), mock.patch.object(replace, "_copy") as copied:
            self.assertEqual(self.refused().code, "unchanged")
            copied.assert_not_called()
        self.assert_as_it_was()
        with self.free(size * 106 // 100):
            self.replace()
        self.assert_replaced()

    def free(self, free: int) -> object:
        return mock.patch.object(shutil, "disk_usage", return_value=types.SimpleNamespace(free=free))

    def test_a_copy_that_fails_leaves_the_volume_as_it_was_and_takes_no_room(self):
        for failing in (1, 2):
            with self.subTest(failing), self.failing_copy(failing):
                error = self.refused()
                self.assertEqual(error.code, "unchanged")
                self.assertIn(replace.AS_IT_WAS, error.message)
                self.assert_as_it_was()
                self.assertEqual(os.listdir(self.former), [])
        self.replace()
        self.assert_replaced()

    def failing_copy(self, number: int) -> object:
        run, copies = replace.process.run, []

        def limited(argv, **options):
            if argv[0] == "cp":
                copies.append(argv)
                if len(copies) == number:
                    run(argv, **options)
                    return replace.process.Completed(1, "", "cp: No space left on device")
            return run(argv, **options)

        return mock.patch.object(replace.process, "run", limited)

    def test_a_rename_that_fails_is_undone(self):
        rename = Path.rename
        for failing in range(1, 7):
            renamed: list[Path] = []

            def limited(source: Path, target: Path) -> Path:
                renamed.append(source)
                if len(renamed) == failing:
                    raise PermissionError(1, "Operation not permitted", str(source))
                return rename(source, target)

            with self.subTest(failing), mock.patch.object(Path, "rename", limited):
                self.assertEqual(self.refused().code, "unchanged")
                self.assert_as_it_was()
                self.assert_set_aside()
            replace._empty(self.former)

    def test_after_a_kill_at_any_point_the_former_content_is_whole_somewhere_and_a_repeat_completes(self):
        points = 0
        while self.killed_at(points):
            as_it_was = FORMER.items() <= content(self.current).items()
            self.assertTrue(as_it_was or (self.former / replace.WHOLE).exists(), f"killed at {points}")
            if (self.former / replace.WHOLE).exists():
                self.assert_set_aside()
            # As the command does it: a new volume for what is there, the content restored again.
            replace._empty(self.former)
            self.replace()
            self.assert_replaced()
            self.setUp()
            points += 1
        self.assert_replaced()
        self.assertGreater(points, 12)

    def killed_at(self, point: int) -> bool:
        """Before its programs, renames and removals, as many as that; nothing that would clean up runs then."""
        done = 0

        def until(work):
            def limited(*arguments, **options):
                nonlocal done
                if done >= point:
                    raise Killed
                done += 1
                return work(*arguments, **options)

            return limited

        with (
            mock.patch.object(replace.process, "run", until(replace.process.run)),
            mock.patch.object(Path, "rename", until(Path.rename)),
            mock.patch.object(replace, "_remove", until(replace._remove)),
        ):
            try:
                self.replace()
            except Killed:
                return True
        return False

    def test_a_former_volume_that_has_content_is_not_written_over(self):
        fill(self.former, {"only": "copy"})
        self.assertEqual(self.refused().code, "not-empty")
        self.assertEqual(content(self.former), {"only": "copy"})
        self.assert_as_it_was()

    def test_what_a_backup_of_a_run_s_own_folder_brings_is_no_content(self):
        (self.restored / sources.REPLACING).mkdir()
        fill(self.restored / sources.REPLACING, {"left": "over"})
        self.replace()
        self.assert_replaced()

    def test_all_three_must_be_mounted(self):
        shutil.rmtree(self.former)
        self.assertEqual(self.refused().code, "no-target")
