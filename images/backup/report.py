"""What `status` prints. Pure: made of the settings and the status, so that it answers at once and without the repositories."""

from datetime import datetime
from typing import Any

import present
import proofs
import schedule
from clock import Reading
from settings import Repository, Settings

OF_ARCHIVE = ("archiveFailing", "archiveFailingSince", "archiveError", "oldestReadySeconds", "walBytes", "gaps")
OF_REPOSITORY = (
    *("lastBackupAt", "lastBackupSeconds", "lastBackupBytes"),
    *("lastError", "lastFailureAt", "lastExpireError", "historyLost"),
)


def status(told: Settings, known: dict[str, Any], now: Reading) -> dict[str, Any]:
    known = present.archiving(present.of(told, known), now)
    newest = proofs.newest(known, told.stanza if told.role == "database" else None)
    own = [newest.get(one.number) for one in told.repositories]
    common = {
        "role": told.role,
        "repositories": [_repository(one, known["repositories"][str(one.number)]) for one in told.repositories],
        "clockJumped": bool(known.get("clockJumped")),
        "failing": _failing(known),
        "backupIntervalSeconds": _interval(told.schedule, now.wall),
        "drillIntervalSeconds": _interval(told.drill_schedule, now.wall),
        # Of the last repository: what is left when this machine is not.
        "lastProof": own[-1],
        "proofs": [one for one in own if one],
    }
    return {**common, **_of_database(known, own[-1])} if told.role == "database" else common


def _interval(cron: str, now: datetime) -> float | None:
    """By which whoever reads this says whether a backup or a proof is old."""
    found = schedule.interval(schedule.parse(cron), now)
    return found and found.total_seconds()


def _repository(repository: Repository, known: dict[str, Any]) -> dict[str, Any]:
    return {
        "repository": repository.number,
        "kind": repository.kind,
        **{name: known.get(name) for name in OF_REPOSITORY},
        "lastBackup": _last_backup(repository.number, known),
    }


def _last_backup(number: int, known: dict[str, Any]) -> dict[str, Any] | None:
    if not known.get("lastBackupAt"):
        return None
    return {
        "at": known["lastBackupAt"],
        "label": known.get("lastBackupLabel"),
        "type": known.get("lastBackupType"),
        "seconds": known.get("lastBackupSeconds"),
        "repository": number,
    }


def _of_database(known: dict[str, Any], proof: proofs.Proof | None) -> dict[str, Any]:
    archive = {name: known.get(name) for name in OF_ARCHIVE}
    return {
        **archive,
        "archiveFailing": bool(archive["archiveFailing"]),
        "gaps": archive["gaps"] or [],
        "rpoSeconds": proof and proof.get("newestTransactionAgeSeconds"),
        "rtoSeconds": proof and proofs.rto_seconds(proof),
        "window": _window(known),
    }


def _window(known: dict[str, Any]) -> dict[str, Any] | None:
    """Of the present history: from the end of the oldest backup to the last WAL that arrived."""
    oldest = [one["oldestBackupAt"] for one in known["repositories"].values() if one.get("oldestBackupAt")]
    if not oldest or not known.get("lastArchivedAt"):
        return None
    return {"from": min(oldest), "to": max(known["lastArchivedAt"], min(oldest))}


def _failing(known: dict[str, Any]) -> str | None:
    """Of scheduled work and of what was typed: a repository's error is there whoever ran into it."""
    scheduled = [f"{kind}: {message}" for kind, message in known.get("failures", {}).items() if message]
    if scheduled:
        return "; ".join(scheduled)
    errors = {number: one.get("lastError") for number, one in known["repositories"].items()}
    return "; ".join(f"in repository {number}: {error}" for number, error in errors.items() if error) or None
