"""The commands of the files role."""

import os
import stat
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cache
import differences
import moments
import process
import restic
import settings
import snapshots
import sources
from files_backup import backup
from lock import PATIENT_SECONDS, one_at_a_time
from settings import AgentError, Repository, Settings
from snapshots import Snapshot

__all__ = ["backup", "diff", "list_snapshots", "restore", "verify"]

Progress = Callable[[str], None]

# 2 TB at 50 MB/s, twice.
READ_ALL_SECONDS = 24 * 3600
DEVICES = ("dev", "chardev")
# Go's own bits for what chmod has below 0o1000: https://pkg.go.dev/io/fs#FileMode
GO_SPECIAL_BITS = ((1 << 23, stat.S_ISUID), (1 << 22, stat.S_ISGID), (1 << 20, stat.S_ISVTX))


def list_snapshots(told: Settings, _arguments: Namespace, progress: Progress) -> dict[str, Any]:
    found, problems = [], []
    for repository in told.repositories:
        try:
            found.extend(one.fields() for one in snapshots.of(told, repository))
        except AgentError as error:
            progress(error.message)
            problems.append({"repository": repository.number, "code": error.code, "message": error.message})
    return {"snapshots": found, "problems": problems}


def verify(told: Settings, _arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """Reads everything. Under our lock and not restic's, which keeps out whoever would restore files meanwhile."""
    problems: list[str] = []
    with one_at_a_time(PATIENT_SECONDS, progress):
        for repository in told.repositories:
            progress(f"{restic.named(repository)}: everything is read")
            problems.extend(_damage(told, repository))
    if problems:
        raise AgentError("verification-failed", "; ".join(problems))
    return {"problems": []}


def restore(told: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """The content of the source's folder, into the folder `--into`. Safe to repeat; what else is there stays."""
    into = _target(arguments.into)
    kind, folder = _source(arguments)
    return _of_the_chosen(told, arguments, kind, progress, partial(_brought, told, kind, folder, into, progress))


def diff(told: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """What was added, changed and removed in a volume since a snapshot."""
    kind, folder = _source(arguments)
    if not folder.is_dir():
        raise AgentError("source-missing", f"{folder} is not there: only what is mounted can be compared")
    return _of_the_chosen(told, arguments, kind, progress, partial(_compared, told, folder))


def _of_the_chosen(
    told: Settings,
    arguments: Namespace,
    kind: str,
    progress: Progress,
    work: Callable[[Repository, Snapshot], dict[str, Any]],
) -> dict[str, Any]:
    """Where the chosen one is gone by then, of another one: a snapshot that is marked incomplete gets a new id."""
    repository, snapshot = _chosen(told, arguments, kind, progress)
    try:
        return work(repository, snapshot)
    except AgentError as error:
        if error.code != "repository-failed" or snapshot.id in [one.id for one in snapshots.of(told, repository)]:
            raise
    return work(*_chosen(told, arguments, kind, progress))


def _chosen(told: Settings, arguments: Namespace, kind: str, progress: Progress) -> tuple[Repository, Snapshot]:
    repository, snapshot = snapshots.choose(told, arguments, kind, progress)
    progress(f"{restic.named(repository)}: snapshot {snapshot.id[:8]} of {moments.text(snapshot.at)}")
    return repository, snapshot


def _brought(
    told: Settings, kind: str, folder: Path, into: Path, progress: Progress, repository: Repository, snapshot: Snapshot
) -> dict[str, Any]:
    root = checked(told, repository, snapshot, folder)
    started = time.monotonic()
    summary = _restored(told, repository, f"{snapshot.id}:{folder}", into, progress)
    if kind == "cache":
        cache.into_append_only_file(into / sources.CACHE_DUMP, into)
    else:
        _own_as(into, root)
    return {
        "snapshot": snapshot.id,
        "repository": repository.number,
        "at": moments.text(snapshot.at),
        "incomplete": snapshot.incomplete,
        "files": summary.get("total_files", 0),
        "bytes": summary.get("total_bytes", 0),
        "seconds": round(time.monotonic() - started, 1),
    }


def _compared(told: Settings, folder: Path, repository: Repository, snapshot: Snapshot) -> dict[str, Any]:
    then: differences.Tree = {}
    nodes(told, repository, snapshot, lambda node: differences.note(then, node, folder))
    return {"snapshot": snapshot.id, "at": moments.text(snapshot.at), **differences.compare(then, folder)}


def _damage(told: Settings, repository: Repository) -> list[str]:
    try:
        restic.run(told, repository, ["check", "--no-lock", "--read-data"], seconds=READ_ALL_SECONDS, nice=process.NICE)
    except AgentError as error:
        return [error.message]
    return []


def _source(arguments: Namespace) -> tuple[str, Path]:
    """The kind of the snapshot and the folder in it. State and edge are in one snapshot: a release needs both as they were."""
    folders = {"state": sources.state_folder(), "edge": sources.edge_folder(), "cache": sources.cache_folder()}
    if arguments.kind != "volume":
        return ("state" if arguments.kind == "edge" else arguments.kind), folders[arguments.kind]
    if not arguments.name:
        raise AgentError("usage", "--kind volume needs --name")
    return "volume", sources.volume_folder(arguments.name)


def _target(into: str) -> Path:
    path = Path(into)
    if path.parent != settings.TARGETS or not path.is_dir() or path.is_symlink():
        raise AgentError("no-target", f"{into} is no folder directly below {settings.TARGETS}")
    return path


def checked(told: Settings, repository: Repository, snapshot: Snapshot, folder: Path, nice: int = 0) -> dict[str, Any]:
    """What the snapshot says of the folder itself. AgentError when it lacks the folder, or has a device in it: whoever can
    write into a repository could hand a container the machine's disk."""
    devices: list[str] = []
    roots: list[dict[str, Any]] = []

    def look(node: dict[str, Any]) -> None:
        if node.get("path") == str(folder):
            roots.append(node)
        elif node.get("type") in DEVICES and Path(node["path"]).is_relative_to(folder):
            devices.append(node["path"])

    nodes(told, repository, snapshot, look, nice)
    if devices:
        raise AgentError("devices-in-backup", f"the snapshot holds devices: {', '.join(devices[:20])}; nothing was restored")
    if not roots:
        raise AgentError("snapshot-incomplete", f"snapshot {snapshot.id[:8]} holds no {folder}")
    return roots[0]


def nodes(
    told: Settings, repository: Repository, snapshot: Snapshot, look: Callable[[dict[str, Any]], None], nice: int = 0
) -> None:
    restic.run(told, repository, ["ls", snapshot.id], seconds=READ_ALL_SECONDS, on_message=look, nice=nice)


def _restored(
    told: Settings, repository: Repository, what: str, into: Path, progress: Progress
) -> dict[str, Any]:
    summary: dict[str, Any] = {}

    def heard(message: dict[str, Any]) -> None:
        if message.get("message_type") == "summary":
            summary.update(message)
        elif message.get("message_type") == "status" and message.get("percent_done"):
            progress(f"restoring: {message['percent_done']:.0%}")

    restic.run(
        told, repository, ["restore", what, "--target", str(into)], seconds=READ_ALL_SECONDS, on_message=heard
    )
    return summary


def _own_as(folder: Path, node: dict[str, Any]) -> None:
    """restic leaves the target's own owner and mode alone, and an application that can't enter its volume doesn't start."""
    special = sum(bit for go, bit in GO_SPECIAL_BITS if node["mode"] & go)
    os.chown(folder, node.get("uid", 0), node.get("gid", 0))
    # After the owner: a change of owner clears setuid and setgid.
    os.chmod(folder, node["mode"] & 0o777 | special)
