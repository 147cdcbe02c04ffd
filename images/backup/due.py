"""What is to be done now. Pure: the clock and the status are handed in, so that every case is a test."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import moments
import schedule

# As the specification of the agent has it: 5 minutes, then twice as long each time, at most an hour.
FIRST_RETRY_SECONDS = 5 * 60
LAST_RETRY_SECONDS = 60 * 60
# A slot that is further ahead of the clock than this was set by a clock that ran wrong: waiting for it could take years.
# Within it, waiting costs one backup at most, and a corrected clock gives no second one.
AHEAD_LIMIT = timedelta(days=1)


@dataclass(frozen=True)
class Tried:
    """How one kind of work went lately. In monotonic time: a clock that jumps must neither hurry nor stop it."""

    failures: int = 0
    seconds_ago: float = math.inf

    def must_wait(self) -> bool:
        return self.failures > 0 and self.seconds_ago < retry_seconds(self.failures)

    def just_ended(self) -> bool:
        """Whatever the status says then: no work follows upon itself without a pause."""
        return self.seconds_ago < FIRST_RETRY_SECONDS


@dataclass(frozen=True)
class Due:
    reason: str
    # What `lastSlot` becomes once it is done.
    slot: datetime | None
    repositories: tuple[int, ...]


def retry_seconds(failures: int) -> float:
    # The exponent is bounded before it is used: a repository may be away for a year.
    return min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10), LAST_RETRY_SECONDS)


def backup(
    cron: str, status: dict[str, Any], numbers: Sequence[int], now: datetime, tried: Tried, sources: Sequence[str] = ()
) -> Due | None:
    """`sources` of files: one that a deploy has added doesn't wait for the schedule. A clock that has just jumped ahead may be
    wrong, and a backup of the future is in the way of those that come once it is set right."""
    if tried.must_wait() or status.get("backupsHeldUntil"):
        return None
    slot = _slot(cron, status, "lastSlot", now)
    if slot is not None:
        return Due("the schedule says so", slot, tuple(numbers))
    wishes = {number: wish for number in numbers if (wish := _known(status, number).get("backupWanted"))}
    if wishes:
        return Due(next(iter(wishes.values())), None, tuple(wishes))
    if tried.just_ended():
        return None
    # Those that went well are not asked again each hour because another is away.
    failed = tuple(number for number in numbers if _has_failed(_known(status, number)))
    if failed:
        return Due("the last one failed", None, failed)
    without = tuple(number for number in numbers if not _known(status, number).get("lastBackupAt"))
    if without:
        return Due("there is no backup yet", None, without)
    lacking = tuple(number for number in numbers if not set(sources) <= set(_known(status, number).get("sources", ())))
    return Due("something new is to be backed up", None, lacking) if lacking else None


def drill(cron: str, status: dict[str, Any], now: datetime, tried: Tried) -> Due | None:
    """Nothing before the first backup: there is nothing to prove. Nor in the hour in which one that covers a gap waits for the clock:
    it would then wait for the drill. One that has failed is not waited for, since its repository may be away for days."""
    if tried.must_wait() or newest_backup(status) is None or (status.get("backupsHeldUntil") and wanted_backups(status)):
        return None
    slot = _slot(cron, status, "lastDrillSlot", now)
    return Due("the schedule says so", slot, ()) if slot else None


def state(status: dict[str, Any], seen: str | None, tried: Tried) -> bool:
    """The project's own files (the ledger of releases, the vault) don't wait for the schedule, but for the clock: what is taken in
    the future is the newest for whoever restores after it was set right."""
    if tried.must_wait() or status.get("backupsHeldUntil"):
        return False
    return seen is not None and seen != status.get("stateSeen")


def mended(status: dict[str, Any], now: datetime) -> dict[str, str]:
    """The slots to set back to the present: a clock that ran ahead left them too far in the future."""
    known = {name: status.get(name) for name in ("lastSlot", "lastDrillSlot")}
    return {name: moments.text(now) for name, slot in known.items() if slot and moments.parse(slot) > now + AHEAD_LIMIT}


def wanted_backups(status: dict[str, Any]) -> set[str]:
    """The repositories in which a gap wants one."""
    return {number for number, one in status.get("repositories", {}).items() if one.get("backupWanted")}


def newest_backup(status: dict[str, Any]) -> datetime | None:
    ends = [one["lastBackupAt"] for one in status.get("repositories", {}).values() if one.get("lastBackupAt")]
    return max(map(moments.parse, ends), default=None)


def _slot(cron: str, status: dict[str, Any], name: str, now: datetime) -> datetime | None:
    known = status.get(name)
    # Without a slot, a backup tells since when there was nothing to catch up.
    after = moments.parse(known) if known else newest_backup(status)
    return schedule.last_slot(schedule.parse(cron), after, now) if after else None


def _has_failed(repository: dict[str, Any]) -> bool:
    """The last attempt, that is. A backup that was taken can have an error too: the database's pages may be damaged."""
    failed, taken = repository.get("lastFailureAt"), repository.get("lastBackupAt")
    if not failed or not repository.get("lastError"):
        return False
    return taken is None or moments.parse(failed) > moments.parse(taken)


def _known(status: dict[str, Any], number: int) -> dict[str, Any]:
    return status.get("repositories", {}).get(str(number), {})
