"""Restores the database to a point in its past, beside the data that is there: into `<version>.restored` of a member's volume,
started, checked and stopped again. `swap` takes it into use."""

import json
import os
import re
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import drill
import durable
import histories
import moments
import pgbackrest
import reach
import scratch
from backup import stanza_of
from histories import iso
from lock import for_a_restore
from reach import Holding
from repository import Backup, Progress
from settings import MEMBERS, AgentError, Repository, Settings
from wal import Segment

MARK = ".horme-restored.json"
ROOM = 1.1
ACCEPT = "another moment, or, where this is all there is, the same with --accept-damage"

_TARGET_LINE = re.compile(r"^\s*recovery_target_(time|action)\s*=")
_RECOVERY_LINE = re.compile(r"^\s*(restore_command|recovery_target\w*|archive_mode)\s*=|^# (Removed by|Recovery settings)")


@dataclass(frozen=True)
class Request:
    kind: str
    value: str | None
    stanza: str
    repository: int | None
    accepts_damage: bool = False

    @property
    def wanted(self) -> dict[str, Any]:
        """What two must have in common for the one to be of use to the other."""
        return {name: value for name, value in asdict(self).items() if name != "accepts_damage"}


def restored_folder(settings: Settings, member: Path) -> Path:
    return member / f"{settings.version}.restored"


def run(settings: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    settings = scratch.of_version(settings, arguments.postgres)
    member = _member(arguments.into)
    request = _request(settings, arguments)
    # In a container of its own nothing has written it yet.
    pgbackrest.write_configuration(settings)
    # Before it waits, and again after: that may have been for the same, left by a command that was killed.
    if done := _done_before(settings, member, request, progress):
        return done
    with for_a_restore(progress):
        done = _done_before(settings, member, request, progress)
        return done or _from_any_repository(settings, request, member, progress)


def _member(into: str) -> Path:
    member = Path(into)
    if member.parent != MEMBERS or not member.is_dir():
        raise AgentError("no-such-member", f"{into} is no member's volume; they are mounted below {MEMBERS}")
    return member


def _request(settings: Settings, arguments: Namespace) -> Request:
    stanza = arguments.stanza or stanza_of(settings)
    number = int(arguments.repo) if arguments.repo else None
    if number and number > len(settings.repositories):
        raise AgentError("no-such-repository", f"there is no repository {number}; there are {len(settings.repositories)}")
    return Request(*_wanted(arguments), stanza, number, arguments.accept_damage)


def _wanted(arguments: Namespace) -> tuple[str, str | None]:
    if arguments.latest:
        return "latest", None
    return ("label", arguments.label) if arguments.to is None else ("to", _time(arguments.to))


def _time(text: str) -> str:
    """As Postgres takes it. Without an offset it would be whatever zone the server has."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AgentError("usage", f"'{text}' is no time; write it like 2026-01-31 14:30:00+00:00") from None
    if moment.tzinfo is None:
        raise AgentError("usage", f"'{text}' has no offset; write it like 2026-01-31 14:30:00+00:00")
    return moment.isoformat(sep=" ")


def _done_before(settings: Settings, member: Path, request: Request, progress: Progress) -> dict[str, Any] | None:
    try:
        mark = json.loads((member / MARK).read_text())
        result, same = mark["result"], mark["request"] == request.wanted and restored_folder(settings, member).is_dir()
    except (FileNotFoundError, ValueError, KeyError):
        return None
    # What was the latest then is not the latest now.
    if not same or request.kind == "latest" or (result.get("damage") and not request.accepts_damage):
        return None
    progress("this was restored before, and is used again")
    return result


def _from_any_repository(settings: Settings, request: Request, member: Path, progress: Progress) -> dict[str, Any]:
    """The first that has it. Of what failed, damage can be accepted; that a target is out of reach says more than that a
    repository could not be asked. What no repository has otherwise ends it."""
    failed: list[AgentError] = []

    def fails(repository: Repository, error: AgentError) -> None:
        if error.code in ("stopped", "no-room", "database-dropped"):
            raise error
        progress(f"repository {repository.number} ({repository.kind}): {error.message}")
        failed.append(error)

    newest = None
    holdings: Iterable[Holding] = _asked(settings, request, fails)
    if request.kind == "latest":
        # All are asked, where else those behind the first that has it are not: they may hang.
        holdings = sorted(holdings, key=lambda one: one.furthest, reverse=True)
        newest = max((one.newest for one in holdings), default=None)
    for holding in holdings:
        try:
            return _from_backup(settings, request, holding, _first(request, holding), newest, member, progress)
        except AgentError as error:
            fails(holding.repository, error)
    telling = [one for code in ("restored-damaged", "target-unreachable") for one in failed if one.code == code]
    raise [*telling, failed[-1]][0]


def _asked(
    settings: Settings, request: Request, fails: Callable[[Repository, AgentError], None]
) -> Iterator[Holding]:
    """In order, each when it is wanted."""
    for repository in settings.repositories:
        if request.repository not in (None, repository.number):
            continue
        try:
            holding = reach.ask(repository, request.stanza)
        except AgentError as error:
            fails(repository, error)
            continue
        yield holding


def _first(request: Request, holding: Holding) -> Backup:
    """Pure. What it begins at. Chosen here: pgBackRest takes the newest backup, with a warning, when none is old enough."""
    backups = holding.history.good
    if request.kind == "label":
        backups = [one for one in holding.history.backups if one.label == request.value]
    if request.kind == "to" and request.value:
        wanted = datetime.fromisoformat(request.value).timestamp()
        _refuse_beyond(request, holding, wanted)
        backups = [one for one in backups if one.ended < wanted]
    if not backups:
        what = f"{request.value} is before the oldest backup" if request.kind == "to" else f"no backup {request.value or ''}"
        raise AgentError("target-unreachable", f"{what.strip()} of {request.stanza}", "horme backup list")
    return backups[-1]


def _refuse_beyond(request: Request, holding: Holding, wanted: float) -> None:
    """Before hours of restoring and replaying, at whose end Postgres would say so. Arrival is known to the second."""
    gaps = histories.gaps_of(holding.history, holding.archive)
    found = histories.windows(holding.history, holding.archive, gaps)
    if not found or wanted <= found[0][0] or any(begin < wanted < end + 1 for begin, end in found):
        return
    if wanted < found[-1][0]:
        why = f"{request.value} is in a gap of the WAL of {request.stanza} in it"
    else:
        until = f"the WAL of {request.stanza} in it, whose newest arrived at {iso(found[-1][1])}"
        why = f"{request.value} is after {until}"
    raise AgentError("target-unreachable", why, "horme backup list")


def _from_backup(
    settings: Settings,
    request: Request,
    holding: Holding,
    backup: Backup,
    newest: Segment | None,
    member: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Ended before the `newest` WAL there is, it is said and not refused: it may be all that can be had."""
    folder, repository = restored_folder(settings, member), holding.repository
    (member / MARK).unlink(missing_ok=True)
    scratch.remove(folder)
    scratch.room_for(member, backup.database_bytes * ROOM)
    started = time.monotonic()
    progress(f"{backup.label} of repository {repository.number} ({repository.kind}) is restored")
    drill.restore(request.stanza, repository.number, backup.label, folder, *_target(request))
    restored = time.monotonic()
    progress("WAL is replayed")
    try:
        replayed = _replayed(settings, member, newest, progress)
    except AgentError as error:
        if request.kind != "to" or error.code != "target-unreachable":
            raise
        replayed = _replayed_to_the_end(settings, request, holding, member, progress)
    for one in replayed.missing:
        progress(f"missing: {one}")
    damage = replayed.problems + scratch.checksums(folder)
    _forget_recovery(folder)
    result = {
        "folder": str(folder), "label": backup.label, "repository": repository.number, "stanza": request.stanza,
        "newestTransactionAt": replayed.newest_transaction or iso(backup.ended), "missing": replayed.missing,
        "damage": damage, "bytes": scratch.size(folder), "tables": replayed.tables,
        "seconds": {
            "restore": round(restored - started, 1), "replay": round(replayed.at - restored, 1),
            "check": round(time.monotonic() - replayed.at, 1),
        },
    }  # fmt: skip
    # Damaged data too: who then accepts it need not wait for it again.
    _mark(member, {"request": request.wanted, "at": iso(time.time()), "result": result})
    if damage and not request.accepts_damage:
        raise AgentError("restored-damaged", "\n".join(damage), ACCEPT)
    return result


@dataclass(frozen=True)
class _Replayed:
    at: float
    newest_transaction: str | None
    missing: list[str]
    problems: list[str]
    # None: its rows can't be read.
    tables: dict[str, int | None]


def _replayed(settings: Settings, member: Path, newest: Segment | None, progress: Progress) -> _Replayed:
    folder, log = restored_folder(settings, member), member / f"{settings.version}.restored.log"
    with scratch.running(folder, log, progress) as server:
        at = time.monotonic()
        _refuse_dropped(settings.database_name, scratch.connection_limit(server, settings.database_name))
        missing = drill.not_reached(newest, scratch.replayed_to(folder), scratch.complaints(server))
        transaction = scratch.newest_transaction(server)
        progress("tables and indexes are checked")
        problems = scratch.amcheck(server)
        tables = scratch.rows(server, settings.database_name, damaged=bool(problems))
        found = _Replayed(at, transaction, missing, problems, tables)
    log.unlink(missing_ok=True)
    return found


def _refuse_dropped(name: str, limit: int | None) -> None:
    """Pure. A recovery stops at commits alone, and a database that is dropped is gone before the drop is committed."""
    if limit is None:
        raise AgentError("database-dropped", f"at that moment there is no database {name}", "a moment before it was dropped")
    if limit == scratch.BEING_DROPPED:
        why = f"the database {name} was dropped before anything else was committed after that moment"
        raise AgentError("database-dropped", why, "a moment that is 15 s earlier, which has a commit after it")


def _replayed_to_the_end(
    settings: Settings, request: Request, holding: Holding, member: Path, progress: Progress
) -> _Replayed:
    """Postgres knows that a time is reached by a transaction after it. Where the archive has none, and gets none meanwhile, its
    end is all that is known of that time."""
    now = reach.ask(holding.repository, request.stanza)
    if now.newest > holding.newest:
        progress("more WAL has arrived: it is replayed too")
        try:
            return _replayed(settings, member, None, progress)
        except AgentError as error:
            if error.code != "target-unreachable":
                raise
            return _replayed_to_the_end(settings, request, now, member, progress)
    progress("nothing of the archive was committed after that time: WAL is replayed to its end")
    _edit_recovery(restored_folder(settings, member), _TARGET_LINE)
    replayed = _replayed(settings, member, now.newest, progress)
    newest = replayed.newest_transaction
    if replayed.missing:
        raise AgentError("target-unreachable", "; ".join(replayed.missing), "horme backup list")
    if newest and request.value and moments.parse(newest) > datetime.fromisoformat(request.value):
        raise AgentError("target-unreachable", "WAL of after that time arrived meanwhile: begin again")
    unknown = f"the archive has no transaction from {newest or 'the backup'} to {request.value}, and what comes later in it is not known"
    return replace(replayed, missing=[unknown])


def _target(request: Request) -> list[str]:
    targets = {"latest": [], "label": ["--type=immediate"], "to": ["--type=time", f"--target={request.value}"]}
    target = targets[request.kind]
    return [*target, "--target-action=promote"] if target else []


def _forget_recovery(folder: Path) -> None:
    """What pgBackRest wrote there would win over the platform's configuration: archiving would stay off."""
    _edit_recovery(folder, _RECOVERY_LINE)
    (folder / "recovery.signal").unlink(missing_ok=True)


def _edit_recovery(folder: Path, without: re.Pattern[str]) -> None:
    file = folder / "postgresql.auto.conf"
    kept = [line for line in file.read_text().splitlines() if not without.match(line)]
    file.write_text("".join(f"{line}\n" for line in kept))


def _mark(member: Path, mark: dict[str, Any]) -> None:
    """Last, and only when all else is on the disk: what it stands beside is complete."""
    os.sync()
    durable.write(member / MARK, json.dumps(mark))
