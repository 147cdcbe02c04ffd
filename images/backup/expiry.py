"""Deletes what is older than promised: backups with their WAL, and former histories as a whole."""

import time

import clock
import pgbackrest
import process
import repository as repositories
from histories import archive_of, newest_activity
from repository import Backup, Progress, Stanza
from settings import AgentError, Settings

DAY_SECONDS = 24 * 3600
EXPIRE_SECONDS = 3600
NO_DATABASE = "/nonexistent"


def expire(settings: Settings, stanza: str, number: int, newest: Backup, progress: Progress) -> None:
    """Not while something is odd: what is kept too long costs space, what is deleted too early is gone."""
    if newest.error:
        return progress(f"repository {number}: nothing is expired, the newest backup has damaged pages")
    if not clock.expiry_allowed(settings.role):
        return progress(f"repository {number}: nothing is expired, the clock jumped")
    known, unreadable = repositories.info(number)
    began = next((one.good[0].ended for one in known if one.name == stanza and one.good), None)
    for history in known:
        if history.name != stanza and _is_past(settings, number, history, began):
            _delete_history(number, history.name)
            progress(f"repository {number}: the former history {history.name} is older than {settings.keep_days} days and deleted")
        else:
            repositories.call("expire", stanza=history.name, repository=number, seconds=EXPIRE_SECONDS, nice=process.NICE)
    if unreadable:
        raise AgentError("repository-unreachable", "; ".join(error.message for error in unreadable.values()))


def _is_past(settings: Settings, number: int, history: Stanza, began: int | None) -> bool:
    newest = newest_activity(history, archive_of(number, history.name))
    return is_past(newest, began, time.time(), settings.keep_days)


def is_past(newest: float | None, began: float | None, now: float, keep_days: int) -> bool:
    """Pure; in seconds since 1970. A former history is kept as long after the present one `began` as after its own `newest`
    activity: what was recovered from may be old already, and is all there is until the present one reaches as far back."""
    if newest is None or began is None:
        return False
    return now - max(newest, began) > keep_days * DAY_SECONDS


def _delete_history(number: int, name: str) -> None:
    """pgBackRest wants to be told first that nobody works on it any more, and where its database was; nowhere any more."""
    repositories.call("stop", stanza=name, seconds=60)
    try:
        repositories.call(
            "stanza-delete", "--force", f"--pg1-path={NO_DATABASE}", stanza=name, repository=number, seconds=EXPIRE_SECONDS,
            configuration=pgbackrest.RESTORE_CONFIGURATION,
        )  # fmt: skip
    finally:
        repositories.call("start", stanza=name, seconds=60)
