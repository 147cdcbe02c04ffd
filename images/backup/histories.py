"""What can be restored: histories, their backups and the time between; and whether all of it is whole."""

import re
from argparse import Namespace
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import moments
import pgbackrest
import repository as repositories
import status
import wal
from lock import one_at_a_time
from repository import Backup, Progress, Stanza
from settings import AgentError, Repository, Settings
from wal import Segment

# Reads all that a repository has: a terabyte over a slow line.
VERIFY_SECONDS = 24 * 3600
NICE = 10

_WRONG_FILE = re.compile(r"INFO: +((?:invalid (?:checksum|size|result|verify)|file missing|missing)\b.*)")
LOCK_SECONDS = 4 * 3600


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
    """All histories. A repository that can't be asked is said, and the others are still listed."""
    # In a container of its own nothing has written it yet.
    pgbackrest.write_configuration(settings)
    proofs = status.read(settings.role).get("proofs", [])
    found: dict[str, dict[str, Any]] = {}
    for repository in settings.repositories:
        try:
            for history in repositories.info(repository.number):
                entry = found.setdefault(history.name, _entry(settings, history))
                entry["repositories"].append(_in_repository(repository, history, proofs))
        except AgentError as error:
            progress(f"repository {repository.number} ({repository.kind}) can't be read: {error.message}")
    return {"histories": sorted(found.values(), key=lambda one: (not one["current"], one["stanza"]))}


def verify(settings: Settings, _arguments: Namespace, progress: Progress) -> dict[str, Any]:
    problems: list[str] = []
    with one_at_a_time(LOCK_SECONDS):
        for repository in settings.repositories:
            progress(f"repository {repository.number} ({repository.kind}): every file is read")
            try:
                found = [one for history in repositories.info(repository.number) for one in _wrong_in(repository, history)]
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
    own = {one["label"]: one for one in proofs if one["repository"] == repository.number}
    return {
        "repository": repository.number,
        "kind": repository.kind,
        "window": _window(history, archive),
        "backups": [_told(one, own.get(one.label)) for one in history.backups],
        "gaps": [{"from": gap.first.name, "to": gap.last.name} for gap in gaps_of(history, archive)],
    }


def window(history: Stanza, archive: Archive) -> tuple[float, float] | None:
    """Any time in it can be restored. Its end is when the newest WAL arrived, which is at most a minute's work old."""
    if not history.good:
        return None
    return history.good[0].ended, max(history.good[-1].ended, archive.newest_at or 0)


def _window(history: Stanza, archive: Archive) -> dict[str, str] | None:
    found = window(history, archive)
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
        "proof": proof and {name: proof[name] for name in ("at", "seconds", "ok")},
    }


def _wrong_in(repository: Repository, history: Stanza) -> list[str]:
    gaps = gaps_of(history, archive_of(repository.number, history.name))
    missing = [f"history {history.name}: WAL {gap} is missing" for gap in gaps]
    return [*_wrong_files(repository, history), *missing]


def _wrong_files(repository: Repository, history: Stanza) -> list[str]:
    try:
        output = repositories.call(
            "verify", "--output=text", "--verbose", "--log-level-console=info",
            stanza=history.name, repository=repository.number, seconds=VERIFY_SECONDS, nice=NICE,
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
