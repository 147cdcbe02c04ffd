"""What is written into the status: how work ended, and what the clock said."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import clock
import due
import moments
import present
import proofs
import status
from settings import AgentError, Settings

# Where a run was made and its outcome recorded, good or bad: its slot is over, and what failed is tried again by itself.
HANDLED = ("backup-failed", "drill-failed")
# What is scheduled, and can be typed too.
TYPED = ("backup", "drill")
# What is typed, and the work by the schedule that it does too: the state is part of every whole backup of files.
COVERS = {"backup": ("backup", "state"), "drill": ("drill",)}


def slot(name: str, wanted: due.Due) -> dict[str, Any]:
    """The fields that a run's end sets."""
    return {name: moments.text(wanted.slot)} if wanted.slot else {}


def outcome(role: str, kind: str, fields: dict[str, Any], error: AgentError | None) -> None:
    def change(known: status.Status) -> None:
        failures = known.setdefault("failures", {})
        failures[kind] = error.message if error else None
        if error is None:
            known.update(fields)
            if "stateSeen" in fields:
                failures["state"] = None
        elif error.code in HANDLED:
            known.update({name: value for name, value in fields.items() if name != "stateSeen"})

    status.update(role, change)


def typed(told: Settings, kind: str, result: dict[str, Any]) -> None:
    """A command that went well mends what failed by the schedule."""
    failures = status.read(told.role).get("failures", {})
    if any(failures.get(one) for one in COVERS[kind]):
        status.update(told.role, partial(_mend, told=told, kind=kind, result=result))


def _mend(known: status.Status, told: Settings, kind: str, result: dict[str, Any]) -> None:
    """Of backups, once no repository lacks its own; of drills, by one of the last repository, as those of the schedule are."""
    if kind == "drill":
        is_mended = result["repository"] == told.repositories[-1].number
    else:
        is_mended = not any(one.get("lastError") for one in present.of(told, known)["repositories"].values())
    if is_mended:
        known["failures"].update(dict.fromkeys(COVERS[kind]))


def expiry(
    role: str,
    where: str,
    entry: Callable[[status.Status], dict[str, Any]],
    expire: Callable[[], None],
    progress: Callable[[str], None],
) -> None:
    """Of the repository whose `entry` of the status it is. Where it fails, the backup is there all the same: another one would be
    tried each hour, and take room each time."""
    wrong: list[str] = []
    with proofs.noting(wrong):
        expire()
    for message in wrong:
        progress(f"{where}: what is too old could not be deleted: {message}")
    status.update(role, lambda known: entry(known).update(lastExpireError=next(iter(wrong), None)))


def clock_reading(
    known: status.Status, before: clock.Reading | None, now: clock.Reading, jumped: bool, slots: dict[str, str]
) -> None:
    if jumped:
        clock.hold(known, now, ahead=clock.jumped_by(before, now) > timedelta())
    clock.follow(known, now)
    known.update(slots)
