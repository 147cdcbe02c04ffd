"""With the real restic and a local repository. Restores need root, as they do in the container."""

import os
import signal
import stat
import subprocess
import time
import unittest
from argparse import Namespace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

import support
import cache
import clock
import files
import files_backup
import files_drill
import lock
import moments
import process
import restic
import settings
import snapshots
import sources
import status
from settings import AgentError


def restic_is_new_enough() -> bool:
    if os.geteuid() != 0 or not support.has("restic"):
        return False
    version = subprocess.run(["restic", "version"], capture_output=True, text=True).stdout.split()[1]
    # `snapshot:folder` and the exit codes came with 0.17.
    return tuple(map(int, version.split(".")[:2])) >= (0, 17)


def quiet(_text: str) -> None:
    pass


def chosen(into: Path | None = None, **changes: object) -> Namespace:
    values = {"kind": "volume", "name": "uploads", "snapshot": None, "latest": False, "at": None, "repo": None}
    return Namespace(**{**values, "into": str(into), **changes})


def owner_and_mode(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


@unittest.skipUnless(restic_is_new_enough(), "needs root and restic 0.17 or newer")
class Files(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        (settings.SECRETS / "backup-files-password").write_text("secret\n")
        for folder in (sources.state_folder(), sources.edge_folder(), sources.volume_folder("uploads")):
            folder.mkdir(parents=True)
        (sources.state_folder() / "ledger").write_text("release 1")
        (sources.edge_folder() / "certificate").write_text("pem")
        self.volume = sources.volume_folder("uploads")
        (self.volume / "picture").write_text("picture")
        (self.volume / "link").symlink_to("/etc/shadow")
        self.told = support.told()

    def back_up(self, **arguments: object) -> dict:
        return files.backup(self.told, Namespace(type=None, **arguments), quiet)

    def target(self, name: str) -> Path:
        folder = settings.TARGETS / name
        folder.mkdir()
        return folder

    def restore(self, into: Path, **changes: object) -> dict:
        return files.restore(self.told, chosen(into, **changes), quiet)

    def refused(self, work: object) -> AgentError:
        with self.assertRaises(AgentError) as caught:
            work()
        return caught.exception

    def test_content_comes_back_with_owners_and_modes_of_the_folder_itself_too(self):
        os.chown(self.volume / "picture", 33, 44)
        os.chmod(self.volume / "picture", 0o640)
        os.chown(self.volume, 1000, 1001)
        os.chmod(self.volume, 0o2750)
        self.back_up()
        into = self.target("uploads")
        result = self.restore(into, latest=True)
        self.assertEqual(owner_and_mode(into), (1000, 1001, 0o2750))
        self.assertEqual(owner_and_mode(into / "picture"), (33, 44, 0o640))
        self.assertEqual((into / "picture").read_text(), "picture")
        self.assertEqual(os.readlink(into / "link"), "/etc/shadow")
        self.assertEqual((result["repository"], result["bytes"]), (1, 7))

    def test_an_older_snapshot_is_found_by_id_and_by_time(self):
        self.back_up()
        first = self.listed("volume")[0]
        # The time is told in whole seconds.
        later = (moments.parse(first["at"]) + timedelta(seconds=1)).isoformat()
        while moments.now() < moments.parse(later):
            pass
        (self.volume / "picture").write_text("another")
        self.back_up()
        for name, how in (("by-id", {"snapshot": first["id"][:8]}), ("by-time", {"at": later}), ("newest", {"latest": True})):
            into = self.target(name)
            self.restore(into, **how)
            self.assertEqual((into / "picture").read_text(), "another" if name == "newest" else "picture")
        self.assertEqual(self.refused(lambda: self.restore(self.target("none"), at="2020-01-01")).code, "no-snapshot")

    def listed(self, kind: str) -> list[dict]:
        return [one for one in files.list_snapshots(self.told, Namespace(), quiet)["snapshots"] if one["kind"] == kind]

    def test_state_and_edge_are_one_snapshot_and_two_restores(self):
        self.back_up()
        self.assertEqual(len(self.listed("state")), 1)
        for kind, file in (("state", "ledger"), ("edge", "certificate")):
            into = self.target(kind)
            self.restore(into, kind=kind, name=None, latest=True)
            self.assertEqual(os.listdir(into), [file])

    def test_one_that_is_marked_incomplete_once_it_was_chosen_is_chosen_anew(self):
        self.back_up()
        choose, repository = snapshots.choose, self.told.repositories[0]

        def marked_then(*of: object) -> tuple[settings.Repository, snapshots.Snapshot]:
            found = choose(*of)
            if not found[1].incomplete:
                restic.run(self.told, repository, ["tag", "--add", snapshots.INCOMPLETE, found[1].id], seconds=60)
            return found

        def compare() -> dict:
            return files.diff(self.told, chosen(latest=True), quiet)

        for work in (lambda: self.restore(self.target("uploads"), latest=True), compare):
            with mock.patch.object(snapshots, "choose", marked_then):
                result = work()
            self.assertEqual(result["snapshot"], self.listed("volume")[0]["id"])
            restic.run(self.told, repository, ["tag", "--remove", snapshots.INCOMPLETE, result["snapshot"]], seconds=60)
        self.assertEqual((settings.TARGETS / "uploads" / "picture").read_text(), "picture")

    def test_differences(self):
        self.back_up()
        (self.volume / "new").write_text("n")
        (self.volume / "picture").write_text("changed")
        (self.volume / "link").unlink()
        found = files.diff(self.told, chosen(latest=True), quiet)
        self.assertEqual((found["added"], found["changed"], found["removed"]), (["new"], ["picture"], ["link"]))

    def test_devices_are_named_and_nothing_is_restored(self):
        os.mknod(self.volume / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 0))
        self.back_up()
        into = self.target("uploads")
        error = self.refused(lambda: self.restore(into, latest=True))
        self.assertEqual((error.code, os.listdir(into)), ("devices-in-backup", []))
        self.assertIn("uploads/disk", error.message)

    def test_nothing_is_restored_outside_of_the_targets(self):
        for into in ("/etc", str(settings.TARGETS), f"{settings.TARGETS}/../etc", f"{settings.TARGETS}/missing"):
            self.assertEqual(self.refused(lambda: self.restore(Path(into), latest=True)).code, "no-target")

    def test_one_repository_that_fails_keeps_no_other_from_its_backup(self):
        broken = settings.Repository(1, "sftp", {"host": "127.0.0.1", "port": 1, "user": "u", "path": "/x"})
        (settings.SECRETS / "sftp-key").write_text("none")
        self.told = support.told(repositories=[broken, settings.Repository(2, "local", {})])
        self.assertIn("repository 1", self.refused(self.back_up).message)
        self.restore(self.target("uploads"), latest=True)
        known = status.read("files")["repositories"]
        self.assertTrue(known["1"]["lastError"] and known["2"]["lastBackupAt"])
        self.assertIsNone(known["2"]["lastError"])

    def test_a_missing_volume_is_an_error_and_the_rest_is_backed_up(self):
        self.told = support.told(volumes=["uploads", "gone"])
        self.assertIn("volume gone", self.refused(self.back_up).message)
        self.assertEqual(len(self.listed("volume")), 1)

    def test_a_snapshot_that_lacks_files_says_so_later_too(self):
        self.back_up()
        (self.volume / "picture").write_text("changed")
        run = process.run

        def unreadable(argv: list, **options: object) -> process.Completed:
            """Root reads all files: restic's report of one that it could not read is made up, its snapshot is real."""
            done = run(argv, **options)
            if "backup" in argv and argv[-1] == str(self.volume):
                options["on_line"]('{"message_type":"error","error":{"message":"input/output error"},"item":"other"}')
                return process.Completed(restic.INCOMPLETE, done.stdout, done.stderr)
            return done

        with mock.patch.object(process, "run", unreadable):
            self.assertIn("1 could not be read: other: input/output error", self.refused(self.back_up).message)
        self.assertEqual([one["incomplete"] for one in self.listed("volume")], [False, True])
        into = self.target("uploads")
        self.assertTrue(self.restore(into, latest=True)["incomplete"])
        self.assertEqual((into / "picture").read_text(), "changed")
        whole = self.listed("volume")[0]["id"]
        self.assertFalse(self.restore(into, snapshot=whole)["incomplete"])
        self.assertEqual((into / "picture").read_text(), "picture")

    def test_old_snapshots_expire_except_the_last_of_what_is_gone_and_except_while_the_clock_is_odd(self):
        self.back_up()
        for year in (2019, 2020):
            for name in ("uploads", "gone"):
                old = ["--host", self.told.project, "--time", f"{year}-01-01 00:00:00", "--tag", f"kind=volume,name={name}"]
                files.restic.run(self.told, self.told.repositories[0], ["backup", *old, str(self.volume)], seconds=60)
        with mock.patch.object(clock, "expiry_allowed", return_value=False):
            self.back_up()
        self.assertEqual(len(self.listed("volume")), 6)
        self.back_up()
        left = [(one["name"], one["at"][:4]) for one in self.listed("volume")]
        # Of what is still listed it is needed until another one is as old as `keep`.
        self.assertEqual((left.count(("gone", "2019")), left.count(("gone", "2020"))), (0, 1))
        self.assertEqual((left.count(("uploads", "2019")), left.count(("uploads", "2020"))), (0, 1))

    def test_what_the_last_thirty_days_need_is_kept_to_the_day_and_comes_back(self):
        start = moments.now() - timedelta(days=47)
        days = (*range(0, 45, 5), 47)
        for day in days:
            (self.volume / "picture").write_text(f"day {day}")
            with (
                mock.patch.object(moments, "now", return_value=start + timedelta(days=day)),
                mock.patch.object(clock, "jump", return_value=None),
                # Each call of restic takes most of a second.
                mock.patch.object(restic, "make_if_missing", restic.make_if_missing if day == 0 else mock.Mock(return_value=False)),
                mock.patch.object(files_backup, "_prune_is_due", return_value=False),
            ):
                self.back_up(kinds=("volume",))
        left = [round((moments.parse(one["at"]) - start) / timedelta(days=1)) for one in self.listed("volume")]
        # Thirty days before the last one is day 17, which needs day 15.
        self.assertEqual(left, [day for day in days if day >= 15])
        into = self.target("uploads")
        self.restore(into, at=moments.text(start + timedelta(days=17)))
        self.assertEqual((into / "picture").read_text(), "day 15")

    def leave_an_exclusive_lock(self, end: int = signal.SIGKILL) -> Path:
        """As a `prune` that was killed. SIGSTOP: one that restic's own `unlock` takes for alive, as those of other containers."""
        environment = {**os.environ, **restic._environment(self.told, self.told.repositories[0])}
        left = subprocess.Popen(
            ["restic", "check", "--read-data", "--limit-download", "1"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(left.wait)
        self.addCleanup(left.kill)
        locks = settings.FILES / "repository" / "locks"
        # It is written beside at first.
        while not any("-" not in one.name for one in locks.iterdir()):
            self.assertIsNone(left.poll())
            time.sleep(0.05)
        left.send_signal(end)
        if end == signal.SIGKILL:
            left.wait()
        return locks

    def test_a_killed_restic_s_exclusive_lock_stops_neither_backups_nor_restores_nor_drills(self):
        (self.volume / "picture").write_bytes(os.urandom(1 << 20))
        self.back_up()
        self.enterContext(mock.patch.object(restic, "RETRY_LOCK", "1s"))
        works = (self.back_up, self.drill, lambda: self.restore(self.target("uploads"), latest=True), lambda: self.listed("volume"))
        for end, work in zip((signal.SIGKILL, *[signal.SIGSTOP] * 3), works):
            locks = self.leave_an_exclusive_lock(end)
            work()
            self.assertEqual(list(locks.iterdir()), [])

    def test_while_our_own_lock_is_held_an_exclusive_one_stays_unless_restic_takes_it_for_dead(self):
        self.back_up()
        locks = self.leave_an_exclusive_lock(signal.SIGSTOP)
        with mock.patch.object(restic, "RETRY_LOCK", "1s"), lock.one_at_a_time(1):
            error = self.refused(lambda: self.restore(self.target("uploads"), latest=True))
        self.assertIn("is locked by another restic", error.message)
        self.assertEqual(len(list(locks.iterdir())), 1)
        restic.free(self.told, self.told.repositories[0])
        self.leave_an_exclusive_lock()
        with mock.patch.object(restic, "RETRY_LOCK", "1s"), lock.one_at_a_time(1):
            self.restore(self.target("other"), latest=True)
        self.assertEqual(list(locks.iterdir()), [])

    def largest_pack(self) -> Path:
        return max((settings.FILES / "repository" / "data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())

    def damage(self, pack: Path) -> None:
        pack.chmod(0o600)
        pack.write_bytes(b"damage" + pack.read_bytes()[6:])

    def test_damage_is_found(self):
        self.back_up()
        self.assertEqual(files.verify(self.told, Namespace(), quiet), {"problems": []})
        pack = self.largest_pack()
        self.damage(pack)
        error = self.refused(lambda: files.verify(self.told, Namespace(), quiet))
        self.assertEqual(error.code, "verification-failed")
        self.assertIn(pack.name, error.message)

    def drill(self) -> dict:
        return files_drill.run(self.told, Namespace(repo=None), quiet)

    def test_a_drill_proves_what_is_whole_and_leaves_nothing_of_it(self):
        # As the engine writes the state: the agent may give no file to another user, and a proof must not need it.
        os.chown(sources.state_folder() / "ledger", 101, 101)
        (sources.state_folder() / "empty").touch()
        (sources.state_folder() / "link").symlink_to("ledger")
        self.back_up()
        proof = self.drill()
        self.assertEqual((proof["ok"], proof["restored"], proof["part"], proof["parts"]), (True, ["state"], 1, 30))
        self.assertFalse((settings.FILES / "drill").exists())
        self.assertEqual(os.listdir(settings.FILES / "repository" / "locks"), [])

    def test_a_drill_finds_a_damaged_pack_and_a_missing_one_and_a_missing_snapshot(self):
        self.told = support.told(keep_days=1)
        (self.volume / "picture").write_bytes(os.urandom(1 << 20))
        self.back_up()
        pack = self.largest_pack()
        whole = pack.read_bytes()
        self.damage(pack)
        self.assertIn(pack.name, self.refused(self.drill).message)
        pack.unlink()
        self.assertEqual(self.refused(self.drill).code, "drill-failed")
        pack.write_bytes(whole)
        self.assertTrue(self.drill()["ok"])
        self.told = support.told(keep_days=1, volumes=["uploads", "added"])
        self.assertIn("volume added: there is no snapshot", self.refused(self.drill).message)
        self.assertEqual([one["ok"] for one in status.read("files")["proofs"]], [False, False, True, False])

    def test_a_drill_finds_state_that_can_not_be_restored(self):
        (sources.state_folder() / "ledger").write_bytes(os.urandom(1 << 20))
        self.back_up(kinds=("state",))
        self.told = support.told(volumes=[])
        self.damage(self.largest_pack())
        self.assertIn("state: ", self.refused(self.drill).message)
        self.assertEqual(status.read("files")["proofs"][-1]["restored"], [])

    def test_the_state_alone_counts_as_no_backup(self):
        self.back_up(kinds=("state",))
        self.assertEqual(self.listed("volume"), [])
        self.assertNotIn("lastBackupAt", status.read("files")["repositories"]["1"])


NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
TWO = [settings.Repository(number, "local", {}) for number in (1, 2)]


def snapshot(id: str, at: datetime, name: str = "uploads", host: str = "shop-production", tags: tuple[str, ...] = ()) -> dict:
    return {"id": id, "time": moments.text(at), "hostname": host, "tags": ["kind=volume", f"name={name}", *tags]}


class Repositories(unittest.TestCase):
    """With restic's listings made up."""

    def setUp(self):
        support.empty_folders()
        self.told = support.told(repositories=TWO)
        self.listings: dict[int, list[dict] | AgentError] = {}
        self.failing: dict[str, AgentError] = {}
        self.asked: list[list[str]] = []
        patched = mock.patch.object(restic, "run", self.answer)
        patched.start()
        self.addCleanup(patched.stop)

    def answer(self, _told: object, repository: settings.Repository, arguments: list[str], **_options: object) -> list[dict]:
        self.asked.append(arguments)
        found = self.failing.get(arguments[0]) or self.listings.get(repository.number, [])
        if isinstance(found, AgentError):
            raise found
        return found if arguments == ["snapshots"] else []

    def choose(self, progress: object = quiet, **how: object) -> tuple[int, str]:
        repository, found = snapshots.choose(self.told, chosen(**how), "volume", progress)
        return repository.number, found.id

    def test_the_newest_snapshot_is_the_newest_of_all_repositories(self):
        days = [NOON + timedelta(days=day) for day in range(4)]
        self.listings = {1: [snapshot("a0", days[0]), snapshot("a2", days[2])], 2: [snapshot("b1", days[1]), snapshot("b3", days[3])]}
        self.assertEqual(self.choose(latest=True), (2, "b3"))
        self.assertEqual(self.choose(at=moments.text(days[1])), (2, "b1"))
        self.assertEqual(self.choose(at=moments.text(days[2])), (1, "a2"))
        self.assertEqual(self.choose(latest=True, repo=1), (1, "a2"))
        self.assertEqual(self.choose(snapshot="a0"), (1, "a0"))

    def test_of_one_that_lacks_files_the_newest_whole_one_is_named_and_of_one_run_the_whole_one_is_taken(self):
        lacking = (snapshots.INCOMPLETE,)
        older, newer = NOON - timedelta(days=2), NOON - timedelta(days=1)
        self.listings = {
            1: [snapshot("a1", older), snapshot("a2", newer, tags=lacking)],
            2: [snapshot("b1", older - timedelta(days=1), tags=lacking), snapshot("b2", NOON, tags=lacking)],
        }
        said: list[str] = []
        same_run = {1: [snapshot("a", NOON, tags=lacking)], 2: [snapshot("b", NOON)]}
        with mock.patch.object(self, "listings", same_run):
            self.assertEqual((self.choose(said.append, latest=True), said), ((2, "b"), []))
        self.assertEqual(self.choose(said.append, at=moments.text(older)), (1, "a1"))
        self.assertEqual(self.choose(said.append, latest=True), (2, "b2"))
        self.assertEqual(self.choose(said.append, latest=True, repo=2), (2, "b2"))
        lacks = "snapshot b2 of 2026-11-24T12:00:00Z lacks files that could not be read when it was taken"
        self.assertEqual(said, [f"{lacks}; the newest whole one is a1 of 2026-11-22T12:00:00Z", lacks])

    def test_a_whole_one_is_not_forgotten_for_one_that_lacks_files(self):
        days = {day: NOON - timedelta(days=day) for day in (50, 40, 35, 34)}
        lacking = [snapshot(f"lacking-{day}", days[day], tags=(snapshots.INCOMPLETE,)) for day in (35, 34)]
        self.listings[1] = [snapshot("whole-50", days[50]), snapshot("whole-40", days[40]), *lacking]
        self.assertEqual(self.expired(), [["whole-50", "lacking-35"]])
        self.listings[1] = lacking
        self.assertEqual(self.expired(), [["lacking-35"]])

    def test_of_equal_ones_the_first_repository_s_is_taken(self):
        self.listings = {1: [snapshot("a", NOON)], 2: [snapshot("b", NOON)]}
        self.assertEqual(self.choose(latest=True), (1, "a"))

    def test_those_that_can_t_be_asked_are_told_and_passed_over(self):
        self.listings = {1: AgentError("repository-failed", "repository 1: refused"), 2: [snapshot("b", NOON)]}
        told: list[str] = []
        self.assertEqual((self.choose(told.append, latest=True), told), ((2, "b"), ["repository 1: refused"]))
        self.listings[2] = []
        with self.assertRaises(AgentError) as caught:
            self.choose(latest=True)
        self.assertEqual((caught.exception.code, caught.exception.next), ("repository-unreachable", "horme backup list"))
        self.assertIn("repository 1: refused; repository 2 (local) has none", caught.exception.message)

    def test_that_there_is_none_is_said_when_all_were_asked_also_one_that_was_never_made(self):
        self.listings = {1: AgentError("no-repository", "repository 1 holds no backups yet"), 2: []}
        with self.assertRaises(AgentError) as caught:
            self.choose(latest=True)
        self.assertEqual(caught.exception.code, "no-snapshot")

    def back_up(self, clock_is_right: bool = True) -> None:
        sources.volume_folder("uploads").mkdir(parents=True, exist_ok=True)
        with (
            mock.patch.object(clock, "expiry_allowed", return_value=clock_is_right),
            mock.patch.object(moments, "now", return_value=NOON),
        ):
            files.backup(self.told, Namespace(type=None), quiet)

    def expired(self, **how: bool) -> list[list[str]]:
        self.asked.clear()
        self.back_up(**how)
        return [arguments[1:] for arguments in self.asked if arguments[0] == "forget"]

    def test_what_no_moment_needs_any_more_is_forgotten_the_last_of_what_is_not_listed_any_more_stays(self):
        days = {day: NOON - timedelta(days=day) for day in (29, 31, 32, 40, 41)}
        self.listings[1] = [
            *(snapshot(f"listed-{day}", days[day]) for day in (41, 31, 29)),
            *(snapshot(f"gone-{day}", days[day], "gone") for day in (40, 32)),
            *(snapshot(f"other-{day}", days[day], host="blog-production") for day in (41, 40)),
        ]
        self.assertEqual(self.expired(), [["listed-41", "gone-40"]])
        self.assertEqual(self.expired(clock_is_right=False), [])
        self.listings[1] = [snapshot("listed-31", days[31]), snapshot("gone-41", days[41], "gone")]
        self.assertEqual(self.expired(), [])

    def test_a_run_notes_what_it_had_and_has_one_time_in_all_repositories(self):
        self.back_up()
        known = status.read("files")["repositories"]
        self.assertEqual([known[number]["sources"] for number in "12"], [["kind=volume,name=uploads"]] * 2)
        times = iter(NOON + timedelta(minutes=minute) for minute in range(100))
        self.asked.clear()
        with mock.patch.object(moments, "now", side_effect=lambda: next(times)):
            files.backup(self.told, Namespace(type=None, kinds=("volume",)), quiet)
        taken = [arguments[arguments.index("--time") + 1] for arguments in self.asked if arguments[0] == "backup"]
        self.assertEqual((len(taken), len(set(taken))), (2, 1))

    def test_what_can_t_be_deleted_is_told_and_is_no_failed_backup(self):
        self.failing = {"prune": AgentError("repository-failed", "access denied")}
        self.back_up()
        told = ("lastBackupAt", "lastExpireError", "lastError", "lastFailureAt")
        known = status.read("files")["repositories"]["2"]
        self.assertEqual([known.get(name) for name in told], [moments.text(NOON), "access denied", None, None])
        del self.failing["prune"]
        self.back_up()
        self.assertIsNone(status.read("files")["repositories"]["2"]["lastExpireError"])
        self.failing = {"prune": AgentError("stopped", "the agent stops")}
        status.update("files", lambda known: known["repositories"]["1"].update(lastPruneAt=None))
        with self.assertRaises(AgentError):
            self.back_up()

    def test_one_that_can_t_be_marked_incomplete_keeps_no_other_source_from_its_snapshot(self):
        def answer(told: object, repository: object, arguments: list[str], on_message: object = None, **_options: object) -> list[dict]:
            if arguments[0] == "backup":
                on_message({"message_type": "error", "item": "a", "error": {"message": "unreadable"}})
            return self.answer(told, repository, arguments)

        self.told = support.told(repositories=TWO[:1], volumes=["uploads", "other"])
        sources.volume_folder("other").mkdir(parents=True)
        self.failing = {"tag": AgentError("repository-locked", "a restore runs")}
        with mock.patch.object(restic, "run", answer), self.assertRaises(AgentError) as caught:
            self.back_up()
        self.assertIn("volume other: it could not be marked incomplete: a restore runs", caught.exception.message)
        self.assertEqual(len([arguments for arguments in self.asked if arguments[0] == "backup"]), 2)

    def test_what_failed_is_not_noted(self):
        self.back_up()
        self.told = support.told(repositories=TWO, volumes=["uploads", "gone"])
        with self.assertRaises(AgentError) as caught:
            self.back_up()
        self.assertEqual(caught.exception.next, "horme backup now")
        self.assertEqual(status.read("files")["repositories"]["1"]["sources"], ["kind=volume,name=uploads"])


class Sources(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def test_whatever_happens_in_a_folder_changes_its_fingerprint(self):
        folder = sources.state_folder()
        self.assertIsNone(sources.fingerprint(folder))
        (folder / "releases").mkdir(parents=True)
        seen = {sources.fingerprint(folder)}
        for change in (
            lambda: (folder / "releases" / "1").write_text("a"),
            lambda: os.utime(folder / "releases" / "1", ns=(0, 2**61)),
            lambda: (folder / "releases" / "1").unlink(),
        ):
            change()
            seen.add(sources.fingerprint(folder))
        self.assertEqual(len(seen), 4)


@unittest.skipUnless(os.geteuid() == 0, "gives files to another user")
class Cache(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def test_a_dump_becomes_the_base_of_an_append_only_file(self):
        dump = settings.TARGETS / "dump.rdb"
        dump.write_bytes(b"REDIS")
        cache.into_append_only_file(dump, settings.TARGETS)
        folder = settings.TARGETS / "appendonlydir"
        self.assertEqual((folder / "appendonly.aof.manifest").read_text(), "file appendonly.aof.1.base.rdb seq 1 type b\n")
        self.assertEqual(owner_and_mode(folder / "appendonly.aof.1.base.rdb"), (71, 71, 0o600))
        self.assertFalse(dump.exists())
