"""Makes the repositories ready, and takes backups."""

import shutil
import time
from argparse import Namespace
from functools import partial
from typing import Any

import expiry
import moments
import pgbackrest
import process
import record
import repository as repositories
import status
from histories import iso
from lock import PATIENT_SECONDS, one_at_a_time
from repository import Backup, Progress, Stanza
from settings import DATABASE, AgentError, Repository, Settings

FULL_EVERY_SECONDS = 7 * 24 * 3600
# A terabyte over a slow line. What hangs ends earlier, by pgBackRest's own deadlines.
BACKUP_SECONDS = 24 * 3600
# `check` waits a minute for the WAL that it switches, for each repository.
CHECK_SECONDS = 600
# Another command makes the stanzas in seconds.
READY_SECONDS = 60
# pgBackRest's words for WAL that did not arrive in a minute.
LATE = "[082]"
# For a backup whose name, which is its time, would not be the newest.
NOT_LATER = "is not later than latest backup label"
# Here, and at a member, which is pushing WAL: there it is one of the reasons behind another error.
LOCKED = ("[050]", "LockAcquireError")
# What the mean of seven days needs, and a little for clocks that differ.
SIZES_KEPT_SECONDS = 8 * 24 * 3600
# What has just begun to fail may go again by itself.
ARCHIVE_GRACE_SECONDS = 60
LITTLE_ROOM = 0.05


def set_up(settings: Settings, _arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """Safe to repeat. All repositories are tried, so that all that is wrong is said at once."""
    stanza = stanza_of(settings)
    wrong: list[str] = []
    for repository in settings.repositories:
        try:
            make_ready(stanza, repository)
            progress(f"repository {repository.number} ({repository.kind}) is ready")
        except AgentError as error:
            wrong.append(f"repository {repository.number} ({repository.kind}): {error.message}")
    if wrong:
        raise AgentError("repository-unreachable", "\n".join(wrong))
    _check(settings, stanza)
    progress("WAL of the database arrives in all repositories")
    # An agent that tried before there was a database would wait for minutes.
    status.update(settings.role, lambda known: known.update(setUpAt=iso(time.time())))
    return {"stanza": stanza, "repositories": [one.number for one in settings.repositories]}


def run(settings: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """A repository that fails keeps no other from its backup; the result is an error that names it."""
    stanza, kind = stanza_of(settings), getattr(arguments, "type", None)
    chosen = getattr(arguments, "repositories", None) or [one.number for one in settings.repositories]
    taken: list[dict[str, Any]] = []
    wrong: dict[int, str] = {}
    waits = archive_wait(status.read(settings.role), time.time())
    if waits:
        progress(waits)
    with one_at_a_time(PATIENT_SECONDS, progress):
        for repository in settings.repositories:
            if repository.number not in chosen:
                continue
            try:
                taken.append(_back_up(settings, stanza, repository, kind, progress))
            except AgentError as error:
                if error.code == "stopped":
                    raise
                message = error.message + _little_room(repository)
                wrong[repository.number] = f"repository {repository.number} ({repository.kind}): {message}"
                _record_failure(settings, repository, message)
    if wrong:
        raise AgentError("backup-failed", "\n".join(wrong.values()))
    return {"stanza": stanza, "repositories": taken}


def archive_wait(known: dict[str, Any], now: float) -> str | None:
    """Pure. Said before the waiting: a backup ends when its own WAL has arrived, and takes minutes to give that up."""
    since = known.get("archiveFailingSince")
    if not since or now - moments.parse(since).timestamp() < ARCHIVE_GRACE_SECONDS:
        return None
    return f"archiving fails since {since}: the backup waits up to {pgbackrest.WAL_SECONDS // 60} minutes for its WAL"


def _little_room(repository: Repository) -> str:
    """A full disk of the local repository may show as WAL that does not arrive, which names no disk."""
    if repository.kind != "local":
        return ""
    disk = shutil.disk_usage(DATABASE)
    return f"; its disk has {disk.free >> 20} MiB free" if disk.free < LITTLE_ROOM * disk.total else ""


def stanza_of(settings: Settings) -> str:
    if settings.stanza is None:
        raise AgentError("no-database", "this environment has no database")
    return settings.stanza


def make_ready(stanza: str, repository: Repository) -> Stanza | None:
    """The stanza as it is; None where it was not there, and is made. `check` says when it belongs to another database. Another
    command may be making it, or use the repository, which pgBackRest refuses at once."""
    deadline = time.monotonic() + READY_SECONDS
    while (known := _known(stanza, repository.number)) is None:
        try:
            _create_stanza(stanza, repository)
            return None
        except AgentError as error:
            if not any(word in error.message for word in LOCKED) or time.monotonic() > deadline:
                raise
        time.sleep(1)
    return known


def _known(stanza: str, number: int) -> Stanza | None:
    found = repositories.history(number, stanza)
    return found if found and found.system_id else None


def _create_stanza(stanza: str, repository: Repository) -> None:
    own = pgbackrest.own_configuration(repository.number)
    repositories.call("stanza-create", stanza=stanza, configuration=own, seconds=CHECK_SECONDS)


def _check(settings: Settings, stanza: str) -> None:
    """Once more where WAL is late: a push that began before its repository was ready waits for a minute, and the next one goes."""
    try:
        try:
            repositories.call("check", stanza=stanza, seconds=CHECK_SECONDS)
        except AgentError as error:
            if LATE not in error.message:
                raise
            repositories.call("check", stanza=stanza, seconds=CHECK_SECONDS)
    except AgentError as error:
        raise AgentError("archive-failing", error.message, f"horme logs {' '.join(settings.members)}") from error


def _back_up(
    settings: Settings, stanza: str, repository: Repository, wanted: str | None, progress: Progress
) -> dict[str, Any]:
    number = repository.number
    started = time.monotonic()
    before = make_ready(stanza, repository)
    if not (before and before.backups) and (lost := _record_loss(settings, repository)):
        progress(f"repository {number} ({repository.kind}): {lost}")
    good = before.good if before else []
    kind = wanted or _due_type(good)
    progress(f"repository {number} ({repository.kind}): {kind} backup")
    newest = _taken(stanza, number, kind)
    seconds = round(time.monotonic() - started, 1)
    oldest = good[0] if good else newest
    _record_success(settings, repository, newest, oldest, seconds)
    progress(f"repository {number} ({repository.kind}): {newest.label} in {seconds:g} s")
    _try_to_expire(settings, stanza, repository, newest, progress)
    return {
        "repository": number, "label": newest.label, "type": newest.type, "seconds": seconds,
        "databaseBytes": newest.database_bytes, "repositoryBytes": newest.repository_bytes, "error": newest.error,
    }  # fmt: skip


def _taken(stanza: str, number: int, kind: str) -> Backup:
    try:
        repositories.call(
            "backup", f"--type={kind}", stanza=stanza, repository=number, seconds=BACKUP_SECONDS, nice=process.NICE
        )  # fmt: skip
    except AgentError as error:
        if NOT_LATER not in error.message:
            raise
        why = f"the newest backup is of {iso(_newest(stanza, number).ended)}, which is still to come: the clock is or was wrong"
        raise AgentError("clock-behind", f"{why}. Set the machine's clock; backups go on after that time") from error
    return _newest(stanza, number)


def _newest(stanza: str, number: int) -> Backup:
    known = _known(stanza, number)
    if known is None or not known.backups:
        raise AgentError("backup-missing", "pgbackrest said that it took a backup, and lists none")
    return known.backups[-1]


def _due_type(good: list[Backup]) -> str:
    newest_full = max((one.ended for one in good if one.type == "full"), default=0)
    # An hour's grace: a backup takes a different time each night, and a weekly full should stay on its day.
    return "full" if time.time() - newest_full > FULL_EVERY_SECONDS - 3600 else "diff"


def _try_to_expire(settings: Settings, stanza: str, repository: Repository, newest: Backup, progress: Progress) -> None:
    where = f"repository {repository.number} ({repository.kind})"
    entry = partial(own_entry, settings=settings, repository=repository)
    expire = partial(expiry.expire, settings, stanza, repository.number, newest, progress)
    record.expiry(settings.role, where, entry, expire, progress)


def _record_success(
    settings: Settings, repository: Repository, newest: Backup, oldest: Backup, seconds: float
) -> None:
    def change(known: dict[str, Any]) -> None:
        own = own_entry(known, settings, repository)
        own.update(
            lastBackupAt=iso(newest.ended), lastBackupSeconds=seconds, lastBackupBytes=newest.database_bytes,
            lastBackupLabel=newest.label, lastBackupType=newest.type, oldestBackupAt=iso(oldest.ended),
            lastError="pages of the database have a wrong checksum" if newest.error else None, backupWanted=None,
        )  # fmt: skip
        lost = own.get("historyLost")
        # Since then it reaches as far back again as is promised.
        if lost and newest.ended - moments.parse(lost["foundAt"]).timestamp() > settings.keep_days * expiry.DAY_SECONDS:
            own["historyLost"] = None
        # The database's size and not the backup's: a diff is small on a quiet day, a database shrinks by accident.
        sizes = known.setdefault("sizes", [])
        sizes.append({"at": iso(newest.ended), "repository": repository.number, "bytes": newest.database_bytes})
        kept = iso(time.time() - SIZES_KEPT_SECONDS)
        known["sizes"] = [one for one in sizes if one["at"] >= kept]

    status.update(settings.role, change)


def _record_failure(settings: Settings, repository: Repository, message: str) -> None:
    def change(known: dict[str, Any]) -> None:
        own_entry(known, settings, repository).update(lastError=message, lastFailureAt=iso(time.time()))

    status.update(settings.role, change)


def _record_loss(settings: Settings, repository: Repository) -> str | None:
    """Where a repository without a backup is known to have had some: the next one would hide that they are gone."""
    known = own_entry(status.read(settings.role), settings, repository)
    last = known["lastBackupAt"]
    if last is None:
        return None
    lost = {"foundAt": iso(time.time()), "from": known.get("oldestBackupAt") or last, "to": last}
    gone = {"historyLost": lost, "lastBackupAt": None, "oldestBackupAt": None}
    status.update(settings.role, lambda known: own_entry(known, settings, repository).update(gone))
    return f"its backups from {lost['from']} to {last} are gone: it was emptied, or is another one now"


def follow_history(known: dict[str, Any], stanza: str | None) -> None:
    """Edits a status: what was recorded of another history, as before a restore, says nothing of this one."""
    if known.get("stanza", stanza) != stanza:
        known.update(repositories={}, sizes=[], archiveFailingSince=None)
        known.pop("gaps", None)
    known["stanza"] = stanza


def own_entry(known: dict[str, Any], settings: Settings, repository: Repository) -> dict[str, Any]:
    """Edits a status: what is known of one repository, of the present history alone."""
    follow_history(known, settings.stanza)
    entry = known.setdefault("repositories", {}).setdefault(str(repository.number), {})
    entry["kind"] = repository.kind
    for name in ("lastBackupAt", "lastBackupSeconds", "lastBackupBytes", "lastError", "lastFailureAt"):
        entry.setdefault(name, None)
    return entry
