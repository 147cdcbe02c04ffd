"""Whether the wall clock can be believed. A clock that jumped ahead would make every backup look old enough to be deleted."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import due
import moments
import status

# As the specification of the agent has them.
JUMP = timedelta(minutes=10)
HOLD_SECONDS = 24 * 3600
# In which a clock that ran ahead is set right: pgBackRest refuses each backup until the time of one that was taken meanwhile.
AHEAD_SECONDS = 3600
# Nobody measured while the machine was off. Longer than this and its clock may as well have run wrong.
UNMEASURED = timedelta(days=1)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Reading:
    """`steady` seconds count from `boot` on, through suspends too; between two boots only the wall clock is left."""

    wall: datetime
    steady: float
    boot: str


def read() -> Reading:
    return Reading(moments.now(), time.clock_gettime(time.CLOCK_BOOTTIME), BOOT_ID.read_text().strip())


def awake() -> Reading:
    """Without suspends: how long something has had to do its work. Never compared with one of `read`."""
    return Reading(moments.now(), time.clock_gettime(time.CLOCK_MONOTONIC), BOOT_ID.read_text().strip())


def jump(before: Reading | None, now: Reading, newest_backup: datetime | None) -> str | None:
    """Pure. What is wrong with the clock, in words."""
    if newest_backup and now.wall < newest_backup - JUMP:
        return f"the clock says {moments.text(now.wall)}, but the newest backup ended at {moments.text(newest_backup)}"
    wrong = jumped_by(before, now)
    if not before or not wrong:
        return None
    return f"the clock jumped by {wrong}" if before.boot == now.boot else f"the clock moved by {wrong} while nobody measured it"


def jumped_by(before: Reading | None, now: Reading) -> timedelta:
    """Pure. Nothing, when it goes as a clock does."""
    if before is None:
        return timedelta()
    moved, limit = now.wall - before.wall, UNMEASURED
    if before.boot == now.boot:
        moved, limit = moved - timedelta(seconds=now.steady - before.steady), JUMP
    return moved if abs(moved) > limit else timedelta()


def hold(known: dict[str, Any], now: Reading, ahead: bool = False) -> None:
    """Edits a status: nothing is expired for a day from now on; after a jump `ahead` no backup is begun by itself for an hour."""
    known["clockJumped"] = True
    known["expiryHeldUntil"] = _until(now, HOLD_SECONDS)
    if ahead:
        known["backupsHeldUntil"] = _until(now, AHEAD_SECONDS)


def follow(known: dict[str, Any], now: Reading) -> None:
    """Edits a status: a hold that is over ends; one of an earlier boot starts anew, since nobody knows how much has passed."""
    for name, seconds in (("expiryHeldUntil", HOLD_SECONDS), ("backupsHeldUntil", AHEAD_SECONDS)):
        held = known.get(name)
        if held and held["boot"] != now.boot:
            known[name] = _until(now, seconds)
        elif held and now.steady >= held["steadySeconds"]:
            known[name] = None
    known["clockJumped"] = bool(known.get("expiryHeldUntil"))
    note(known, "clock", now)


def _until(now: Reading, seconds: float) -> dict[str, Any]:
    return {"boot": now.boot, "steadySeconds": now.steady + seconds}


def note(known: dict[str, Any], name: str, now: Reading) -> None:
    """Edits a status: when something was."""
    known[name] = {"wall": moments.text(now.wall), "steadySeconds": now.steady, "boot": now.boot}


def remembered(known: dict[str, Any], name: str = "clock") -> Reading | None:
    clock = known.get(name)
    return Reading(moments.parse(clock["wall"]), clock["steadySeconds"], clock["boot"]) if clock else None


def expiry_allowed(role: str) -> bool:
    """For a backup that wants to delete old ones. It looks for itself too: `serve` may not have ticked since the jump."""
    known, now = status.read(role), read()
    # A hold ends only by `serve`'s hand, which sees to what a new boot means for it.
    if known.get("expiryHeldUntil"):
        return False
    return jump(remembered(known), now, due.newest_backup(known)) is None
