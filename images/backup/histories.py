"""What can be restored: histories, their backups and the time between; and whether all of it is whole."""

import re
from argparse import Namespace
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import moments
import pgbackrest
import process
import repository as repositories
import status
import wal
from lock import PATIENT_SECONDS, one_at_a_time
from proofs import rto_seconds
from repository import Backup, Progress, Stanza
from settings import AgentError, Repository, Settings
from wal import Segment

# Reads all that a repository has: a terabyte over a slow line.
VERIFY_SECONDS = 24 * 3600

_WRONG_FILE = re.compile(r"INFO: +((?:invalid (?:checksum|size|result|verify)|file missing|missing)\b.*)")


@dataclass(frozen=True)
class Archive:
    """The WAL that a repository has of a history: when each segment came, in seconds since 1970."""

    segments: dict[Segment, float]

    @property
    def newest_at(self) -> float | None:
        return max(self.segments.values(), default=None)


def iso(seconds: float) -> str:
    return moments.text(datetime.fromtimestamp(int(seconds), UTC))


def archive_of(number: int, stanza: str) -> Archive:
    files = repositories.listing(number, f"archive/{stanza}")
    return Archive({segment: files[path]["time"] for segment, path in wal.archived(files).items()})


def newest_activity(history: Stanza, archive: Archive) -> float | None:
    times = [float(one.ended) for one in history.backups]
    return max([*times, *archive.segments.values()], default=None)


def gaps_of(history: Stanza, archive: Archive) -> list[wal.Gap]:
    """From the oldest backup on: what was archived before it serves no restore."""
    if not history.good:
        return []
    return wal.gaps(archive.segments, wal.parse(history.good[0].wal_start))


def run(settings: Settings, _arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """All histories. What can't be read is told as a problem, and the others are still listed."""
    # In a container of its own nothing has written it yet.
    pgbackrest.write_configuration(settings)
    proofs = status.read(settings.role).get("proofs", [])
    found: dict[str, dict[str, Any]] = {}
    problems: list[dict[str, Any]] = []
    for repository in settings.repositories:
        for stanza, error in _listed(settings, repository, proofs, found):
            progress(f"repository {repository.number} ({repository.kind}): {error.message}")
            own = {"repository": repository.number, "kind": repository.kind, "stanza": stanza, "message": error.message}
            problems.append(own)
    listed = sorted(found.values(), key=lambda one: (not one["current"], one["stanza"]))
    return {"histories": listed, "problems": problems}


def _listed(
    settings: Settings, repository: Repository, proofs: list[dict[str, Any]], found: dict[str, dict[str, Any]]
) -> list[tuple[str | None, AgentError]]:
    """Adds what the repository has to `found`; what of it can't be read is its answer, with the history where it is one."""
    try:
        known, unreadable = repositories.info(repository.number)
    except AgentError as error:
        return [(None, error)]
    problems: list[tuple[str | None, AgentError]] = list(unreadable.items())
    for index, history in enumerate(known):
        try:
            told = _in_repository(repository, history, proofs)
        except AgentError as error:
            # Not one history after the other: a repository that hangs does so for minutes each time.
            return [*problems, (max(one.name for one in known[index:]), error)]
        found.setdefault(history.name, _entry(settings, history))["repositories"].append(told)
    return problems


def verify(settings: Settings, _arguments: Namespace, progress: Progress) -> dict[str, Any]:
    problems: list[str] = []
    with one_at_a_time(PATIENT_SECONDS, progress):
        for repository in settings.repositories:
            progress(f"repository {repository.number} ({repository.kind}): every file is read")
            try:
                found = _wrong_in_repository(settings, repository)
            except AgentError as error:
                found = [error.message]
            problems += [f"repository {repository.number} ({repository.kind}): {one}" for one in found]
    if problems:
        raise AgentError("verification-failed", "\n".join(problems))
    return {"problems": []}


def _entry(settings: Settings, history: Stanza) -> dict[str, Any]:
    return {
        "stanza": history.name,
        "current": history.name == settings.stanza,
        "systemId": history.system_id,
        "version": history.version,
        "repositories": [],
    }


def _in_repository(repository: Repository, history: Stanza, proofs: list[dict[str, Any]]) -> dict[str, Any]:
    archive = archive_of(repository.number, history.name)
    gaps = gaps_of(history, archive)
    own = {one["label"]: one for one in proofs if one["repository"] == repository.number}
    return {
        "repository": repository.number,
        "kind": repository.kind,
        "window": _window(window(history, archive)),
        "windows": [_window(one) for one in windows(history, archive, gaps)],
        "backups": [_told(one, own.get(one.label)) for one in history.backups],
        "gaps": [{"from": gap.first.name, "to": gap.last.name} for gap in gaps],
    }


def window(history: Stanza, archive: Archive) -> tuple[float, float] | None:
    """No time outside it can be restored. Its end is when the newest WAL arrived, which is at most a minute's work old."""
    if not history.good:
        return None
    return history.good[0].ended, _newest(history, archive)


def _newest(history: Stanza, archive: Archive) -> float:
    """The newest backup has its own WAL, whatever the clock of the repository says of when that arrived."""
    return max(history.good[-1].ended, archive.newest_at or 0)


def windows(history: Stanza, archive: Archive, gaps: list[wal.Gap]) -> list[tuple[float, float]]:
    """Any time in one of them can be restored: from the end of a backup to the first gap behind it. One without gaps."""
    found: list[tuple[float, float]] = []
    for backup in history.good:
        end = _end(history, backup, archive, gaps)
        if end is None:
            continue
        if found and backup.ended <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((backup.ended, end))
    return found


def _end(history: Stanza, backup: Backup, archive: Archive, gaps: list[wal.Gap]) -> float | None:
    """None where WAL is missing that the backup itself needs."""
    start = wal.parse(backup.wal_start)
    gap = next((one for one in gaps if one.last >= start and one.last.position >= start.position), None)
    if gap is None:
        return _newest(history, archive)
    if gap.first.position <= wal.parse(backup.wal_stop).position:
        return None
    # A time is reached by a transaction after it: what came after the last arrival is in the gap, what came after the arrival
    # before that is in the last one.
    last = wal.before(gap, archive.segments)
    previous = max((one for one in archive.segments if last and one < last), default=None)
    return max(backup.ended, archive.segments[previous] if previous else 0)


def _window(found: tuple[float, float] | None) -> dict[str, str] | None:
    return found and dict(zip(("from", "to"), map(iso, found)))


def _told(backup: Backup, proof: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "label": backup.label,
        "type": backup.type,
        "startedAt": iso(backup.started),
        "endedAt": iso(backup.ended),
        "seconds": backup.ended - backup.started,
        "databaseBytes": backup.database_bytes,
        "repositoryBytes": backup.repository_bytes,
        "error": backup.error,
        "proof": proof and {"at": proof["at"], "seconds": rto_seconds(proof), "ok": proof["ok"]},
    }


def _wrong_in_repository(settings: Settings, repository: Repository) -> list[str]:
    """One without a backup has nothing that could be wrong, which is not to be taken for well."""
    known, unreadable = repositories.info(repository.number)
    wrong = [one for history in known for one in _wrong_in(repository, history)]
    wrong += [error.message for error in unreadable.values()]
    if not any(one.name == settings.stanza and one.backups for one in known):
        wrong.append(f"it has no readable backup of the present history {settings.stanza}")
    return wrong


def _wrong_in(repository: Repository, history: Stanza) -> list[str]:
    gaps = gaps_of(history, archive_of(repository.number, history.name))
    missing = [f"history {history.name}: WAL {gap} is missing" for gap in gaps]
    return [*_wrong_files(repository, history), *missing]


def _wrong_files(repository: Repository, history: Stanza) -> list[str]:
    try:
        output = repositories.call(
            "verify", "--output=text", "--verbose", "--log-level-console=info",
            stanza=history.name, repository=repository.number, seconds=VERIFY_SECONDS, nice=process.NICE,
        )  # fmt: skip
    except AgentError as error:
        return [f"history {history.name}: {error.message}"]
    # It exits with 0 whatever it finds; files are named in its log alone.
    if "status: ok" in output:
        return []
    named = [match[1] for match in _WRONG_FILE.finditer(output)]
    return [f"history {history.name}: {one}" for one in dict.fromkeys(named)] or [f"history {history.name}: {_summary(output)}"]


def _summary(output: str) -> str:
    return " / ".join(line.strip() for line in output.splitlines() if " INFO: " not in line and line.strip())
