"""What a drill of files asks of restic, and what it remembers. The real restic has its test in test_files.py."""

import io
import tarfile
import threading
import unittest
from argparse import Namespace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

import support
import clock
import files_drill
import moments
import restic
import serve
import settings
import snapshots
import sources
import status
from settings import AgentError, Repository

NOW = datetime(2026, 11, 24, 4, 30, tzinfo=timezone.utc)
TWO = [Repository(1, "local", {}), Repository(2, "s3", {})]


def quiet(_text: str) -> None:
    pass


def snapshot(kind: str, id: str, name: str | None = None, hours: int = 1) -> dict:
    tags = [f"kind={kind}", *([f"name={name}"] if name else [])]
    summary = {"total_bytes_processed": 9, "total_files_processed": 1}
    return {"id": id, "time": moments.text(NOW - timedelta(hours=hours)), "tags": tags, "summary": summary}


def folder(path: Path, *files: int) -> list[dict]:
    return [
        {"path": str(path), "type": "dir"},
        *({"path": f"{path}/{index}", "type": "file", "size": size} for index, size in enumerate(files)),
    ]


def archive(path: str, *sizes: int) -> None:
    with tarfile.open(path, "w") as tar:
        for index, size in enumerate(sizes):
            entry = tarfile.TarInfo(str(index))
            entry.size = size
            tar.addfile(entry, io.BytesIO(bytes(size)))


class FilesDrill(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        sources.state_folder().mkdir()
        sources.edge_folder().mkdir()
        self.told = support.told(repositories=TWO, cache=True)
        self.snapshots = [
            snapshot("state", "old", hours=2), snapshot("state", "state"), snapshot("volume", "uploads", "uploads"), snapshot("cache", "cache"),
        ]  # fmt: skip
        self.listed = {
            "state": [*folder(sources.state_folder(), 5, 0), *folder(sources.edge_folder(), 4)],
            "uploads": folder(sources.volume_folder("uploads"), 1 << 40),
            "cache": folder(sources.cache_folder(), 9),
        }
        self.dumped = {"state": (4, 5, 0), "cache": (9,)}
        self.failing: dict[str, AgentError] = {}
        self.asked: list[tuple[Repository, list[str]]] = []
        self.enterContext(mock.patch.object(restic, "run", self.restic))

    def restic(
        self, _told: object, repository: Repository, arguments: list[str], on_message: object = None, **_options: object
    ) -> list[dict]:
        self.asked.append((repository, arguments))
        command = arguments[0]
        if command in self.failing:
            raise self.failing[command]
        if command == "snapshots":
            return self.snapshots
        if command == "ls":
            for node in self.listed[arguments[1]]:
                on_message(node)
        if command == "dump":
            archive(arguments[2], *self.dumped[arguments[3]])
        return []

    def drill(self, repo: int | None = None) -> dict:
        return files_drill.run(self.told, Namespace(repo=repo), quiet)

    def failed(self) -> list[str]:
        with self.assertRaises(AgentError) as caught:
            self.drill()
        self.assertEqual(caught.exception.code, "drill-failed")
        self.assertIn("the files of repository 2 (s3): ", caught.exception.message)
        return self.remembered()[-1]["problems"]

    def remembered(self) -> list[dict]:
        return status.read("files").get("proofs", [])

    def commands(self, name: str) -> list[list[str]]:
        return [arguments[1:] for _, arguments in self.asked if arguments[0] == name]

    def test_the_newest_of_the_last_repository_is_proven_and_nothing_of_it_is_left(self):
        proof = self.drill()
        told = {name: proof[name] for name in ("repository", "kind", "ok", "problems", "restored", "part", "parts")}
        expected = {"repository": 2, "kind": "s3", "ok": True, "problems": [], "restored": ["state", "cache"], "part": 1, "parts": 30}
        self.assertEqual((told, self.remembered()), (expected, [proof]))
        self.assertEqual([dump[2:] for dump in self.commands("dump")], [["state", "/"], ["cache", "/"]])
        self.assertEqual(self.commands("check"), [["--no-lock", "--read-data-subset=1/30"]])
        self.assertFalse((settings.FILES / "drill").exists())

    def test_another_repository_can_be_named(self):
        self.assertEqual(self.drill(repo=1)["repository"], 1)
        self.assertEqual({repository.number for repository, _ in self.asked}, {1})

    def test_what_has_no_snapshot_is_named_and_the_others_are_proven(self):
        del self.snapshots[2:]
        without = "there is no snapshot of it"
        self.assertEqual(self.failed(), [f"volume uploads: {without}", f"cache: {without}"])
        self.assertEqual(self.remembered()[-1]["restored"], ["state"])

    def test_less_than_the_list_says_is_no_restore(self):
        # restic says nothing of a folder that it can't read.
        self.dumped["state"] = (5, 0)
        self.assertEqual(self.failed(), ["state: not all of snapshot state comes back"])

    def test_what_a_restore_would_refuse_is_no_proof(self):
        self.listed["uploads"].append({"path": f"{sources.volume_folder('uploads')}/disk", "type": "dev"})
        self.listed["state"] = folder(sources.state_folder(), 5)
        said = self.failed()
        self.assertIn(f"state: snapshot state holds no {sources.edge_folder()}", said)
        self.assertIn("uploads/disk", said[1])
        self.assertEqual(self.remembered()[-1]["restored"], ["cache"])

    def test_without_room_nothing_is_written(self):
        self.snapshots[1]["summary"]["total_bytes_processed"] = 1 << 60
        self.assertIn("MiB are needed", self.failed()[0])
        self.assertEqual([dump[2] for dump in self.commands("dump")], ["cache"])

    def test_drills_go_through_all_parts_but_stay_at_one_that_is_damaged(self):
        self.told = support.told(repositories=TWO, keep_days=3)
        self.failing["check"] = AgentError("repository-failed", "pack 1f3a is damaged")
        self.assertEqual((self.failed(), self.failed()), (["pack 1f3a is damaged"],) * 2)
        del self.failing["check"]
        for _ in range(4):
            self.drill()
        self.assertEqual([one["part"] for one in self.remembered()], [1, 1, 1, 2, 3, 1])

    def test_one_that_is_ended_or_can_not_ask_proves_nothing_either_way(self):
        for command, code in (("dump", "stopped"), ("check", "stopped"), ("snapshots", "repository-failed")):
            self.failing = {command: AgentError(code, "")}
            with self.assertRaises(AgentError) as caught:
                self.drill()
            self.assertEqual((caught.exception.code, self.remembered()), (code, []))
            self.assertFalse((settings.FILES / "drill").exists())

    def test_one_that_goes_away_meanwhile_proves_nothing_either_way(self):
        away = AgentError("repository-failed", "connection refused")
        for command in ("ls", "dump", "check"):
            self.failing = {command: away}
            with mock.patch.object(snapshots, "_listed", side_effect=[self.snapshots, away]), self.assertRaises(AgentError) as caught:
                self.drill()
            self.assertEqual((caught.exception.code, self.remembered()), ("repository-failed", []))
        self.assertIn("connection refused", self.failed())

    def test_by_the_schedule_everything_is_read_within_keep(self):
        def parts(keep_days: int, drill_schedule: str) -> int:
            return files_drill.next_part(support.told(keep_days=keep_days, drill_schedule=drill_schedule), None)[1]

        with mock.patch.object(moments, "now", return_value=NOW):
            self.assertEqual([parts(30, "30 4 * * *"), parts(7, "30 4 * * *"), parts(90, "30 4 * * *")], [30, 7, 30])
            self.assertEqual([parts(30, "30 4 * * 0"), parts(7, "30 4 1 * *"), parts(30, "0 */6 * * *")], [4, 1, 30])
            self.assertEqual(parts(30, "0 0 31 2 *"), 30)


class Serve(unittest.TestCase):
    def test_in_the_tick_of_a_jump_over_a_slot_no_backup_begins_and_an_hour_later_one_does(self):
        support.empty_folders()
        taken = moments.text(NOW - timedelta(hours=1))
        repository = {"lastBackupAt": taken, "lastError": None, "sources": []}
        status.update("files", lambda known: known.update(repositories={"1": repository}, lastSlot=taken, lastDrillSlot=taken))
        agent = serve.Agent(support.told(volumes=[], drill_schedule="0 0 31 2 *"), threading.Event())
        started: list[str] = []
        agent._start = lambda kind, *_: started.append(kind)
        for steady, wall in ((1, 0), (2, 24), (3601, 25), (3662, 25)):
            now = clock.Reading(NOW + timedelta(hours=wall), float(steady), "boot-1")
            with mock.patch.object(clock, "read", return_value=now), mock.patch.object(moments, "now", return_value=now.wall):
                agent.tick()
            self.assertEqual(started, ["backup"] if steady == 3662 else [])

    def test_files_are_drilled_by_the_schedule_once_the_state_is_saved(self):
        support.empty_folders()
        sources.state_folder().mkdir()
        taken = moments.text(NOW - timedelta(hours=1))
        repository = {"lastBackupAt": taken, "lastError": None, "sources": ["kind=state"]}
        status.update("files", lambda known: known.update(repositories={"1": repository}, lastSlot=taken))
        agent = serve.Agent(support.told(volumes=[]), threading.Event())
        started: list[str] = []
        agent._start = lambda kind, *_: started.append(kind)
        with mock.patch.object(moments, "now", return_value=NOW):
            agent._start_what_is_due()
            agent._start_what_is_due()
        self.assertEqual(started, ["state", "drill"])
