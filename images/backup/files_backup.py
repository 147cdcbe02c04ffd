"""Takes snapshots of the files: every source into every repository, then expires old ones."""

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import cache
import clock
import lock
import moments
import process
import proofs
import record
import restic
import snapshots
import sources
import status
from settings import AgentError, Repository, Settings
from sources import Source

Progress = Callable[[str], None]

ROLE = "files"
# A first backup of 2 TB at 50 MB/s takes 11 h. A run that hangs must end before the next day's.
BACKUP_SECONDS = 20 * 3600
EXPIRE_SECONDS = 4 * 3600
# Rewrites packs, which costs traffic; what forgetting frees in a week is little.
PRUNE_EVERY = timedelta(days=7)
# As long as sizes are compared; see metrics.py.
SIZES_DAYS = 8


@dataclass
class Done:
    """What came of one repository."""

    repository: Repository
    seconds: float = 0.0
    bytes: int = 0
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        return {
            "repository": self.repository.number,
            "kind": self.repository.kind,
            "seconds": round(self.seconds, 1),
            "bytes": self.bytes,
            "snapshots": self.snapshots,
        }


def backup(told: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """`arguments` may name `repositories` and `kinds`; else it is all. One that fails doesn't keep the others from theirs."""
    kinds = getattr(arguments, "kinds", None) or sources.KINDS
    chosen = snapshots.of_numbers(told, getattr(arguments, "repositories", None))
    with lock.one_at_a_time(progress=progress), ExitStack() as until_the_end:
        found, problems = _ready(sources.wanted(told, kinds), until_the_end)
        # A source's time is the same in all repositories, so that whoever wants the newest can take the nearest.
        taken: dict[Source, datetime] = {}
        done = [_into(told, repository, found, problems, taken, progress) for repository in chosen]
        if set(kinds) == set(sources.KINDS):
            status.update(ROLE, lambda known: _record(known, found, done))
    # Each once: what can't be read is missing in every repository.
    problems = dict.fromkeys(problem for one in done for problem in one.problems)
    if problems:
        raise AgentError("backup-failed", "\n".join(problems), "horme backup now")
    return {"repositories": [one.fields() for one in done]}


def _ready(wanted: Sequence[Source], until_the_end: ExitStack) -> tuple[list[Source], list[str]]:
    """Those that can be read, and what is wrong with the others: restic passes over a folder that is not there."""
    found, problems = [], []
    for source in wanted:
        try:
            if source.kind == "cache":
                until_the_end.enter_context(cache.dumped())
            missing = [str(path) for path in source.paths if not path.is_dir()]
            if missing:
                raise AgentError("source-missing", f"{source.title}: {', '.join(missing)} is not there")
            found.append(source)
        except AgentError as error:
            problems.append(error.message)
    return found, problems


def _into(
    told: Settings,
    repository: Repository,
    found: Sequence[Source],
    problems: Sequence[str],
    taken: dict[Source, datetime],
    progress: Progress,
) -> Done:
    done, started = Done(repository, problems=list(problems)), time.monotonic()
    try:
        if restic.make_if_missing(told, repository):
            progress(f"{restic.named(repository)} was made")
        for source in found:
            _snapshot(told, done, source, taken.setdefault(source, moments.now()), progress)
        if not done.problems:
            where, entry = restic.named(repository), partial(_of, repository=repository)
            record.expiry(ROLE, where, entry, partial(_expire, told, repository, progress), progress)
    except AgentError as error:
        if error.code == "stopped":
            raise
        done.problems.append(error.message)
    done.seconds = time.monotonic() - started
    return done


def _snapshot(told: Settings, done: Done, source: Source, at: datetime, progress: Progress) -> None:
    where = f"{restic.named(done.repository)}: {source.title}"
    summary: dict[str, Any] = {}
    unread: list[str] = []

    def heard(message: dict[str, Any]) -> None:
        kind = message.get("message_type")
        if kind == "summary":
            summary.update(message)
        elif kind == "error":
            unread.append(f"{message.get('item')}: {message.get('error', {}).get('message')}")
        elif kind == "status" and message.get("percent_done"):
            progress(f"{where}: {message['percent_done']:.0%}")

    paths = [str(path) for path in source.paths]
    # `--host`: a container's own name changes with every container, and a snapshot's parent is looked for by it. `--time`:
    # by it snapshots expire, so it is of the clock that is watched for jumps.
    own = ["--host", told.project, "--tag", source.tags, "--time", restic.time_option(at)]
    arguments = ["backup", *own, "--exclude", sources.REPLACING, *paths]
    restic.run(
        told, done.repository, arguments, seconds=BACKUP_SECONDS, also=(restic.INCOMPLETE,), on_message=heard, nice=process.NICE
    )
    id = summary.get("snapshot_id")
    if unread:
        done.problems.append(f"{where}: {len(unread)} could not be read: {', '.join(unread[:5])}")
        # Whoever restores meanwhile keeps restic from it, and no other source from its snapshot.
        with proofs.noting(done.problems, f"{where}: it could not be marked incomplete: "):
            id = _marked_incomplete(told, done.repository, id)
    done.bytes += summary.get("total_bytes_processed", 0)
    done.snapshots.append({"kind": source.kind, "name": source.name, "id": id})
    progress(f"{where}: done, {summary.get('total_bytes_processed', 0)} bytes")


def _marked_incomplete(told: Settings, repository: Repository, id: str) -> str:
    """The snapshot's new id. restic knows no tag that depends on how a snapshot ends, and writes it anew."""
    tag = ["tag", "--add", snapshots.INCOMPLETE, id]
    changed = restic.run(told, repository, tag, seconds=restic.ASK_SECONDS)
    return next((one["new_snapshot_id"] for one in changed if "new_snapshot_id" in one), id)


def _expire(told: Settings, repository: Repository, progress: Progress) -> None:
    """By our own clock: restic counts `--keep-within` from the newest snapshot of a source, so those of one that is backed up no
    more would stay for ever, and the oldest moment would lack the snapshot from before it."""
    if not clock.expiry_allowed(ROLE):
        progress(f"{restic.named(repository)}: nothing is expired, the clock can't be believed")
        return
    # Only of a restic that is gone for half an hour: whoever reads now keeps its lock.
    restic.run(told, repository, ["unlock"], seconds=restic.ASK_SECONDS)
    own = [one for one in snapshots.of(told, repository) if one.host == told.project]
    expired = [one.id for one in snapshots.expired(own, moments.now() - timedelta(days=told.keep_days))]
    if expired:
        restic.run(told, repository, ["forget", *expired], seconds=EXPIRE_SECONDS, nice=process.NICE)
    if _prune_is_due(repository):
        restic.run(told, repository, ["prune"], seconds=EXPIRE_SECONDS, nice=process.NICE)
        status.update(ROLE, lambda known: _of(known, repository).update(lastPruneAt=moments.text(moments.now())))


def _prune_is_due(repository: Repository) -> bool:
    last = _of(status.read(ROLE), repository).get("lastPruneAt")
    return last is None or moments.now() - moments.parse(last) >= PRUNE_EVERY


def _record(known: dict[str, Any], found: Sequence[Source], done: Sequence[Done]) -> None:
    now = moments.now()
    at = moments.text(now)
    sizes = known.setdefault("sizes", [])
    for one in done:
        entry = _of(known, one.repository)
        entry["lastBackupSeconds"] = round(one.seconds, 1)
        if one.problems:
            entry.update(lastError="; ".join(one.problems), lastFailureAt=at)
            continue
        entry.update(lastError=None, lastBackupAt=at, lastBackupBytes=one.bytes, sources=[each.tags for each in found])
        sizes.append({"repository": one.repository.number, "at": at, "bytes": one.bytes})
    known["sizes"] = [one for one in sizes if moments.parse(one["at"]) > now - timedelta(days=SIZES_DAYS)]


def _of(known: dict[str, Any], repository: Repository) -> dict[str, Any]:
    entry = known.setdefault("repositories", {}).setdefault(str(repository.number), {})
    entry["kind"] = repository.kind
    return entry
