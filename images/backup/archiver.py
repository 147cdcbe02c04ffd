"""Watches that WAL leaves the database and arrives: the database is asked every half a minute, the repositories now and then."""

import time
from contextlib import closing
from functools import partial
from typing import Any

import psycopg2

import moments
import repository as repositories
import status
from backup import follow_history
from histories import archive_of, gaps_of, iso
from settings import AgentError, Settings, secret, secret_path

HOST = "horme-database"
PORT = 5432
WORST_ANSWER_SECONDS = 10
# Twice what a push of one file over a slow line takes; `archive_timeout` makes one a minute.
OLDEST_READY_SECONDS = 60
GAPS_EVERY_SECONDS = 6 * 3600

# A transaction that writes WAL and nothing else: an idle database too has a newest one, and its WAL is switched.
BEAT = "SELECT pg_logical_emit_message(true, 'horme', 'beat')"
ARCHIVING = """SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
    extract(epoch FROM last_archived_time)::float8 FROM pg_stat_archiver"""
READY = """SELECT coalesce(extract(epoch FROM now() - min(modification)), 0)::float8, count(*)
    FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"""
WAL_BYTES = "SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()"


def tick(settings: Settings) -> bool:
    """Beats, looks and records. True when a gap was found: a new backup must be taken at once."""
    if settings.stanza is None:
        return False
    status.update(settings.role, lambda known: follow_history(known, settings.stanza))
    before = status.read(settings.role)
    seen = _seen(settings)
    status.update(settings.role, lambda known: _record(known, seen))
    mended = bool(before.get("archiveFailing")) and not seen["archiveFailing"]
    if not (mended or _is_due(before)):
        return False
    return _look_for_gaps(settings, settings.stanza)


def _seen(settings: Settings) -> dict[str, Any]:
    """A database that can't be asked archives nothing that we know of."""
    try:
        with closing(_connected()) as connection, connection.cursor() as cursor:
            cursor.execute(BEAT)
            failed, archived = _row(cursor, ARCHIVING)
            oldest, count = _row(cursor, READY)
            (size,) = _row(cursor, WAL_BYTES)
    except psycopg2.Error as error:
        return {"archiveFailing": True, "archiveError": str(error).strip()}
    why = f"{count} WAL files wait, the oldest for {oldest:.0f} s" if oldest > OLDEST_READY_SECONDS else None
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


def _record(known: dict[str, Any], seen: dict[str, Any]) -> None:
    failing = seen["archiveFailing"]
    since = known.get("archiveFailingSince") or iso(time.time())
    known.update(seen, archiveFailingSince=since if failing else None)


def _is_due(known: dict[str, Any]) -> bool:
    looked = known.get("gapsLookedForAt")
    return looked is None or abs((moments.now() - moments.parse(looked)).total_seconds()) > GAPS_EVERY_SECONDS


def _look_for_gaps(settings: Settings, stanza: str) -> bool:
    """True for one that is new; one that is known stays until the backups before it have expired."""
    new = False
    for repository in settings.repositories:
        try:
            found = _gaps_in(repository.number, stanza)
        except AgentError:
            # It can't be asked now: what was known of it stays, and its backup fails with the reason.
            continue
        known = {_identity(one): one for one in status.read(settings.role).get("gaps", [])}
        others = [one for one in known.values() if one["repository"] != repository.number]
        gaps = others + [known.get(_identity(one), one) for one in found]
        # At once: the next repository may be one that hangs.
        status.update(settings.role, partial(_record_gaps, gaps=gaps))
        new = new or any(_identity(one) not in known for one in found)
    return new


def _record_gaps(known: dict[str, Any], gaps: list[dict[str, Any]]) -> None:
    known.update(gaps=gaps, gapsLookedForAt=iso(time.time()))


def _gaps_in(number: int, stanza: str) -> list[dict[str, Any]]:
    history = next((one for one in repositories.info(number) if one.name == stanza), None)
    if history is None:
        return []
    gaps = gaps_of(history, archive_of(number, stanza))
    return [
        {"repository": number, "from": gap.first.name, "to": gap.last.name, "foundAt": iso(time.time())} for gap in gaps
    ]


def _identity(gap: dict[str, Any]) -> tuple[int, str, str]:
    return gap["repository"], gap["from"], gap["to"]
