"""Proves a backup: restores it beside the running database, replays all WAL there is, and looks at every page and at what the
user asserts. What was never restored is a hope, not a backup."""

import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import due
import gently
import moments
import process
import proofs
import repository as repositories
import scratch
import status
import wal
from backup import stanza_of
from histories import archive_of, iso
from lock import PATIENT_SECONDS, until_a_restore_waits
from pgbackrest import RESTORE_CONFIGURATION
from repository import Backup, Progress
from settings import SCRATCH, AgentError, Repository, Settings
from wal import Segment

RESTORE_SECONDS = 24 * 3600
ASSERTION_SECONDS = 600
# The data, and the WAL that is replayed into it.
ROOM = 1.2
GIBIBYTE = 1 << 30


def run(settings: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """A backup that can't be proved is recorded like one that can: the newest proof must not hide it."""
    stanza = stanza_of(settings)
    with process.ended_by(_gives_way_to_a_gap(settings.role)), until_a_restore_waits(PATIENT_SECONDS, progress):
        repository = _chosen_repository(settings, getattr(arguments, "repo", None))
        backup = _chosen_backup(stanza, repository, getattr(arguments, "label", None))
        proof = _prove(settings, stanza, repository, backup, progress)
        status.update(settings.role, lambda known: proofs.add(known, proof))
    if not proof["ok"]:
        raise AgentError("drill-failed", f"{backup.label} of repository {repository.number}: " + "\n".join(proof["problems"]))
    return proof


def _gives_way_to_a_gap(role: str) -> Callable[[], None]:
    """What is written before a new backup is lost with the machine, and a drill takes hours. For one that is wanted since the drill
    began, or began to wait: another one may be tried for days, in a repository that is away."""
    before = due.wanted_backups(status.read(role))

    def look() -> None:
        if due.wanted_backups(status.read(role)) - before:
            what = "the drill was ended, because WAL is missing in an archive and a new backup comes first"
            raise AgentError("stopped", what, "horme backup drill, after the backup")

    return look


def _chosen_repository(settings: Settings, wanted: int | None) -> Repository:
    """The last unless told: the one that is off this machine, since it is what is left when the machine is not."""
    for repository in reversed(settings.repositories):
        if wanted is None or repository.number == int(wanted):
            return repository
    raise AgentError("no-such-repository", f"there is no repository {wanted}; there are {len(settings.repositories)}")


def _chosen_backup(stanza: str, repository: Repository, label: str | None) -> Backup:
    known = repositories.history(repository.number, stanza)
    found = [one for one in (known.backups if known else []) if label in (None, one.label)]
    if not found:
        named = f"no backup {label}" if label else "no backup yet"
        raise AgentError("no-backup", f"repository {repository.number} has {named} of {stanza}", "horme backup now")
    return found[-1]


def _prove(
    settings: Settings, stanza: str, repository: Repository, backup: Backup, progress: Progress
) -> dict[str, Any]:
    began = time.time()
    data, log = SCRATCH / "data", SCRATCH / "postgres.log"
    scratch.remove(data)
    scratch.room_for(SCRATCH, backup.database_bytes * ROOM)
    proof: dict[str, Any] = {
        "at": iso(began), "stanza": stanza, "label": backup.label, "repository": repository.number,
        "seconds": None, "restoreSeconds": None, "replaySeconds": None, "checkSeconds": None, "bytes": None,
        "secondsPerGibibyte": None, "newestTransactionAt": None, "newestTransactionAgeSeconds": None,
    }  # fmt: skip
    found = _Found()
    try:
        with proofs.noting(found.unread):
            _restore_and_check(settings, stanza, backup, data, log, proof, found, progress)
    finally:
        # What a process that was ended still writes goes before the next drill.
        with suppress(OSError):
            scratch.remove(data)
    proof["problems"] = [*_gaps(stanza, repository, backup, found), *found.unread, *found.damage, *found.failed]
    proof["ok"] = not proof["problems"]
    return proof


@dataclass(frozen=True)
class _Found:
    """What is wrong."""

    # May be the repository's absence: what could not be restored, and WAL that could not be replayed.
    unread: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    # Assertions, which may fail for WAL that is unread.
    failed: list[str] = field(default_factory=list)


def _gaps(stanza: str, repository: Repository, backup: Backup, found: _Found) -> list[str]:
    """Asks the repository once more. Where it is away, what was `found` proves nothing either way, and the drill is repeated, unless
    there is damage."""
    try:
        return _missing(stanza, repository, backup)
    except AgentError as error:
        if error.code == "stopped" or not found.damage:
            raise
        return [error.message]


def _missing(stanza: str, repository: Repository, backup: Backup) -> list[str]:
    archive = archive_of(repository.number, stanza)
    gaps = wal.gaps(archive.segments, wal.parse(backup.wal_start))
    return [f"WAL {gap} is missing: {_reach(wal.before(gap, archive.segments))} can be restored" for gap in gaps]


def _reach(last: Segment | None) -> str:
    return f"nothing after {last.name}" if last else "nothing"


def _restore_and_check(
    settings: Settings, stanza: str, backup: Backup, data: Path, log: Path, proof: dict[str, Any], found: _Found, progress: Progress
) -> None:
    """Fills in the proof's figures, and what is found, as they are known."""
    number = proof["repository"]
    # Before the restore: what arrives later need not be in it.
    newest = max(archive_of(number, stanza).segments, default=None)
    progress(f"{backup.label} of repository {number} is restored")
    started = time.monotonic()
    restore(stanza, number, backup.label, data)
    proof["restoreSeconds"] = round(time.monotonic() - started, 1)
    proof["bytes"] = scratch.size(data)
    progress("WAL is replayed")
    with scratch.running(data, log, progress) as server:
        _measure(proof, backup, time.monotonic() - started, scratch.newest_transaction(server))
        found.unread.extend(not_reached(newest, scratch.replayed_to(data), scratch.complaints(server)))
        # First: what follows is timed, and a restore asks no assertions.
        found.failed.extend(_failed_assertions(settings, server))
        checking = time.monotonic()
        progress("tables and indexes are checked")
        found.damage.extend(_damage(server, settings.database_name))
    progress("pages are checked")
    found.damage.extend(scratch.checksums(data))
    proof["checkSeconds"] = round(time.monotonic() - checking, 1)
    proof["secondsPerGibibyte"] = round(proofs.rto_seconds(proof) / (proof["bytes"] / GIBIBYTE), 1)


def restore(stanza: str, number: int, label: str, data: Path, *options: str) -> None:
    """Of one backup into a folder; `--archive-mode=off`, or what starts there would write into the same archive."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with gently.flushed(data, "pgbackrest"):
        repositories.call(
            "restore", f"--set={label}", f"--pg1-path={data}", "--archive-mode=off", *options,
            stanza=stanza, repository=number, configuration=RESTORE_CONFIGURATION, seconds=RESTORE_SECONDS, nice=process.NICE_OF_DRILLS,
        )  # fmt: skip


def _measure(proof: dict[str, Any], backup: Backup, seconds: float, newest: str | None) -> None:
    """At the end of recovery: how long until it takes queries again, and how old the newest of what it then has is. WAL that
    arrived since the drill began was replayed too, so that the age counts from now."""
    proof["seconds"] = round(seconds, 1)
    proof["replaySeconds"] = round(seconds - proof["restoreSeconds"], 1)
    proof["newestTransactionAt"] = newest or iso(backup.ended)
    age = time.time() - moments.parse(proof["newestTransactionAt"]).timestamp()
    proof["newestTransactionAgeSeconds"] = round(max(0.0, age), 1)


def _damage(server: scratch.Server, database: str) -> list[str]:
    """What a restore does too before it gives a database back; a table that can't be counted is damaged."""
    found = scratch.amcheck(server)
    with proofs.noting(found):
        scratch.rows(server, database, damaged=False)
    return found


def not_reached(newest: Segment | None, reached: Segment | None, complaints: list[str]) -> list[str]:
    if newest is None or reached is None or (reached.timeline, reached.position) >= (newest.timeline, newest.position):
        return []
    said = f" ({' / '.join(complaints[-4:])})" if complaints else ""
    return [f"WAL after {reached.name} can't be read, though the archive has {newest.name}{said}"]


def _failed_assertions(settings: Settings, server: scratch.Server) -> list[str]:
    failed = []
    for assertion in settings.assertions:
        try:
            answer = scratch.query(server, settings.database_name, assertion["sql"], ASSERTION_SECONDS)
        except AgentError as error:
            if error.code == "stopped":
                raise
            answer = error.message
        if answer != assertion["expected"]:
            failed.append(
                f"assertion of line {assertion['line']}: {assertion['sql']} is '{answer}', expected '{assertion['expected']}'"
            )
    return failed
