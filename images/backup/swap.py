"""Takes restored data into use, and sets aside what was there, in all members. Killed at any point and repeated, it ends the
same; the database's members are stopped meanwhile."""

import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import durable
from repository import Progress
from restore import MARK, restored_folder
from settings import MEMBERS, AgentError, Settings


def run(settings: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    members, stamp = _members(arguments.members), _stamp(arguments.stamp)
    first, journal = members[0], members[0] / f".horme-swap-{stamp}"
    if _is_done(journal):
        progress("this was swapped in before")
        return _result(settings, members, stamp)
    if not journal.exists():
        _complete_or_refuse(settings, first)
        durable.write(journal, json.dumps({"done": False}))
    # The first comes last: until its data is the restored one, what would start is the former database, and not half of each.
    for member in members[1:]:
        _set_aside(settings, member, stamp)
    if restored_folder(settings, first).is_dir():
        _set_aside(settings, first, stamp)
        _rename(restored_folder(settings, first), _data(settings, first))
    progress(f"{first.name} has the restored data")
    (first / MARK).unlink(missing_ok=True)
    durable.write(journal, json.dumps({"done": True}))
    # One that was cut short is over, too: a member takes it for a reason not to start.
    for former in first.glob(".horme-swap-*"):
        if former != journal:
            former.unlink()
    return _result(settings, members, stamp)


def _members(names: str) -> list[Path]:
    members = [MEMBERS / name for name in names.split(",")]
    for member in members:
        if member.parent != MEMBERS or not member.is_dir():
            raise AgentError("no-such-member", f"{member.name} is not mounted below {MEMBERS}")
    return members


def _stamp(stamp: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", stamp):
        raise AgentError("usage", f"'{stamp}' is no stamp: letters, digits and '-'")
    return stamp


def _data(settings: Settings, member: Path) -> Path:
    return member / str(settings.version)


def _former(settings: Settings, member: Path, stamp: str) -> Path:
    return member / f"{settings.version}.former-{stamp}"


def _set_aside(settings: Settings, member: Path, stamp: str) -> None:
    """Once: what is there after that is new data, of a replica that was started again."""
    data, former = _data(settings, member), _former(settings, member, stamp)
    if data.exists() and not former.exists():
        _rename(data, former)


def _complete_or_refuse(settings: Settings, first: Path) -> None:
    if not restored_folder(settings, first).is_dir() or not (first / MARK).exists():
        again = "horme restore, or horme recover, with the same words"
        raise AgentError("nothing-restored", f"{first.name} has no completely restored data", again)


def _rename(source: Path, target: Path) -> None:
    source.rename(target)
    durable.sync_folder(source.parent)


def _is_done(journal: Path) -> bool:
    try:
        return bool(json.loads(journal.read_text())["done"])
    except FileNotFoundError:
        return False


def _result(settings: Settings, members: list[Path], stamp: str) -> dict[str, Any]:
    former = [_former(settings, member, stamp) for member in members]
    return {"folder": str(_data(settings, members[0])), "former": [str(one) for one in former if one.is_dir()]}
