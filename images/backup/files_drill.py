"""Proves the backups of files. What a recovery begins with, the state, and the cache are written out whole. Volumes may have
terabytes: each drill reads a part of all that the repository has, and goes on where the one before it ended."""

import tarfile
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import files
import gently
import moments
import process
import proofs
import restic
import schedule
import scratch
import settings
import snapshots
import sources
import status
from lock import PATIENT_SECONDS, until_a_restore_waits
from proofs import Proof
from settings import AgentError, Repository, Settings
from snapshots import Snapshot
from sources import Source

RESTORED = ("state", "cache")
# Of a drill each few hours: what is read costs traffic.
MOST_PARTS = 30
# An entry's head and the rest of its last block, and as much again for a long name.
ARCHIVE_BYTES_A_FILE = 2 << 10


def run(told: Settings, arguments: Namespace, progress: files.Progress) -> dict[str, Any]:
    """Of the last repository unless told, as the database's. What proves nothing is recorded like what does."""
    repository = snapshots.of_numbers(told, [arguments.repo] if arguments.repo else None)[-1]
    with until_a_restore_waits(PATIENT_SECONDS, progress):
        proof = _prove(told, repository, progress)
        status.update(told.role, lambda known: proofs.add(known, proof))
    if not proof["ok"]:
        raise AgentError("drill-failed", f"the files of {restic.named(repository)}: " + "\n".join(proof["problems"]))
    return proof


def next_part(told: Settings, last: Proof | None) -> tuple[int, int]:
    """Which, and of how many, so that drills by the schedule read everything within `keep`. Where something was wrong, the same
    again: the next part may be sound, and its proof would hide what is still damaged."""
    if last and not last["ok"]:
        return last["part"], last["parts"]
    every = schedule.interval(schedule.parse(told.drill_schedule), moments.now())
    parts = min(MOST_PARTS, max(1, timedelta(days=told.keep_days) // every)) if every else MOST_PARTS
    return (last["part"] % parts + 1 if last else 1), parts


def _prove(told: Settings, repository: Repository, progress: files.Progress) -> Proof:
    started, where = time.monotonic(), restic.named(repository)
    part, parts = next_part(told, proofs.newest(status.read(told.role), None).get(repository.number))
    problems: list[str] = []
    proof: Proof = {
        "at": moments.text(moments.now()), "repository": repository.number, "kind": repository.kind, "seconds": None,
        "restoreSeconds": 0.0, "restored": [], "part": part, "parts": parts, "problems": problems,
    }  # fmt: skip
    # One that can't be asked proves nothing either way, and is asked again.
    restic.free(told, repository)
    found = snapshots.of(told, repository)
    for source in sources.wanted(told):
        with proofs.noting(problems, f"{source.title}: "):
            progress(f"{where}: {source.title} is looked at")
            _prove_source(told, repository, _newest(found, source), source, proof)
    with proofs.noting(problems):
        progress(f"{where}: part {part} of {parts} of all is read")
        _read(told, repository, part, parts)
    if problems:
        # They may be its absence, which proves nothing either way; damage is found again.
        snapshots.of(told, repository)
    proof["seconds"] = round(time.monotonic() - started, 1)
    proof["ok"] = not problems
    return proof


def _newest(found: Sequence[Snapshot], source: Source) -> Snapshot:
    own = [one for one in found if (one.kind, one.name) == (source.kind, source.name)]
    if not own:
        raise AgentError("no-snapshot", "there is no snapshot of it", "horme backup now")
    return own[-1]


def _prove_source(told: Settings, repository: Repository, snapshot: Snapshot, source: Source, proof: Proof) -> None:
    for folder in source.paths:
        files.checked(told, repository, snapshot, folder, nice=process.NICE_OF_DRILLS)
    if source.kind not in RESTORED:
        return
    started = time.monotonic()
    _restore(told, repository, snapshot)
    proof["restoreSeconds"] = round(proof["restoreSeconds"] + time.monotonic() - started, 1)
    proof["restored"].append(source.kind)


def _restore(told: Settings, repository: Repository, snapshot: Snapshot) -> None:
    folder = settings.FILES / "drill"
    scratch.remove(folder)
    scratch.room_for(settings.FILES, snapshot.bytes + snapshot.files * ARCHIVE_BYTES_A_FILE)
    folder.mkdir(mode=0o700)
    try:
        _write_out(told, repository, snapshot, folder / "content.tar")
    finally:
        # It has passwords in it; what an ended restic leaves goes before the next drill.
        with suppress(OSError):
            scratch.remove(folder)


def _write_out(told: Settings, repository: Repository, snapshot: Snapshot, archive: Path) -> None:
    """Into an archive: this container may give no file to another user, and `restic restore` checks nothing where it can't.
    restic ends a dump early and well when it can't read a folder, so that what arrived is compared with the list."""
    dump = ["dump", "--target", str(archive), snapshot.id, "/"]
    with gently.flushed(archive.parent, "restic"):
        restic.run(told, repository, dump, seconds=files.READ_ALL_SECONDS, nice=process.NICE_OF_DRILLS)
    listed: list[int] = []

    def note(node: dict[str, Any]) -> None:
        if node.get("type") == "file":
            listed.append(node.get("size", 0))

    files.nodes(told, repository, snapshot, note, nice=process.NICE_OF_DRILLS)
    if _sizes(archive) != sorted(listed):
        raise AgentError("snapshot-damaged", f"not all of snapshot {snapshot.id[:8]} comes back")


def _sizes(archive: Path) -> list[int]:
    try:
        with tarfile.open(archive) as tar:
            return sorted(one.size for one in tar if one.isfile())
    except tarfile.TarError as error:
        raise AgentError("snapshot-damaged", f"what was restored can't be read: {error}") from error


def _read(told: Settings, repository: Repository, part: int, parts: int) -> None:
    """Without restic's lock, which would keep a restore of files out meanwhile: ours keeps `prune` away."""
    check = ["check", "--no-lock", f"--read-data-subset={part}/{parts}"]
    restic.run(told, repository, check, seconds=files.READ_ALL_SECONDS, nice=process.NICE_OF_DRILLS)
