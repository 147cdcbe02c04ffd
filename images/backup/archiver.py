"""Watches that WAL leaves the database. Whether it arrives is for `gaps` to look at."""

import re
import time
from contextlib import closing, suppress
from typing import Any

import psycopg2

import clock
import present
import status
from backup import follow_history
from histories import iso
from settings import DATABASE, Settings, secret, secret_path

HOST = "horme-database"
PORT = 5432
WORST_ANSWER_SECONDS = 10
# A repository that is away shows within two minutes: until there is a file to push (`archive_timeout` makes one a minute),
# until that has waited too long, and until the next look. A push of one file over a slow line takes half a minute.
OLDEST_READY_SECONDS = 45
LOOK_SECONDS = 10
# Longer than a switchover by command takes.
AGAIN_SECONDS = 5

LOOKING = "WAL is pushed again; whether all of it arrived is not known before every repository was looked at"

# A transaction that writes WAL and nothing else: an idle database too has a newest one, and its WAL is switched.
BEAT = "SELECT pg_logical_emit_message(true, 'horme', 'beat')"
ARCHIVING = """SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
    extract(epoch FROM last_archived_time)::float8, last_archived_wal FROM pg_stat_archiver"""
READY = """SELECT coalesce(extract(epoch FROM now() - min(modification)), 0)::float8, count(*)
    FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"""
WAL_BYTES = "SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()"


def begin(settings: Settings) -> None:
    """While the agent was off nobody looked: that says nothing of the database."""
    status.update(settings.role, _note_look)


def tick(settings: Settings) -> None:
    """Beats, and records what it saw. Asks no repository: one that hangs must not make the news of it late."""
    seen = _seen(settings)
    status.update(settings.role, lambda known: _record(known, settings.stanza, seen))


def _note_look(known: dict[str, Any]) -> None:
    clock.note(known, present.LOOKED, clock.awake())


def _seen(settings: Settings) -> dict[str, Any]:
    """A database that can't be asked archives nothing that we know of. One that can be soon after was being switched over."""
    with suppress(psycopg2.Error):
        return _asked(settings)
    time.sleep(AGAIN_SECONDS)
    try:
        return _asked(settings)
    except psycopg2.Error as error:
        return {"archiveFailing": True, "archiveError": str(error).strip()}


def _asked(settings: Settings) -> dict[str, Any]:
    with closing(_connected()) as connection, connection.cursor() as cursor:
        cursor.execute(BEAT)
        failed, archived, newest = _row(cursor, ARCHIVING)
        oldest, count = _row(cursor, READY)
        (size,) = _row(cursor, WAL_BYTES)
    why = f"{count} WAL files wait, the oldest for {oldest:.0f} s" if oldest > OLDEST_READY_SECONDS else None
    if why is None and _was_given_up(settings.stanza, newest):
        why = f"WAL {newest} was given up: more waited than the volume may hold"
    if failed:
        why = "the last push failed" + (f"; {why}" if why else "")
    return {
        "archiveFailing": why is not None,
        "archiveError": why,
        "oldestReadySeconds": round(oldest, 1),
        "readyFiles": count,
        "walBytes": int(size),
        **({"lastArchivedAt": iso(archived)} if archived else {}),
    }


def _was_given_up(stanza: str | None, newest: str | None) -> bool:
    """Postgres takes it for archived then. The local repository is asked, which does not hang, and has all that was pushed."""
    archive = DATABASE / "repository" / "archive" / str(stanza)
    if newest is None or not re.fullmatch("[0-9A-F]{24}", newest) or not archive.is_dir():
        return False
    return not any(archive.glob(f"*/{newest[:16]}/{newest}-*"))


def _connected() -> psycopg2.extensions.connection:
    connection = psycopg2.connect(
        host=HOST, port=PORT, user="monitor", password=secret("monitor-password"), dbname="postgres",
        sslmode="verify-full", sslrootcert=str(secret_path("database-ca")), application_name="horme-backup",
        connect_timeout=WORST_ANSWER_SECONDS, options=f"-c statement_timeout={WORST_ANSWER_SECONDS}s",
        keepalives_idle=1, keepalives_interval=1, keepalives_count=WORST_ANSWER_SECONDS,
    )  # fmt: skip
    connection.autocommit = True
    return connection


def _row(cursor: psycopg2.extensions.cursor, sql: str) -> tuple[Any, ...]:
    cursor.execute(sql)
    return cursor.fetchone()


def _record(known: dict[str, Any], stanza: str | None, seen: dict[str, Any]) -> None:
    """What waited too long is given up, and then it looks as if it had arrived: only `gaps` says that archiving is mended."""
    follow_history(known, stanza)
    _note_look(known)
    now = iso(time.time())
    if seen["archiveFailing"]:
        known.update(seen, archiveFailingSince=known.get("archiveFailingSince") or now, archiveMendedAt=None)
    elif known.get("archiveFailing"):
        known.update(seen, archiveFailing=True, archiveError=LOOKING, archiveMendedAt=known.get("archiveMendedAt") or now)
    else:
        known.update(seen, archiveFailingSince=None)
