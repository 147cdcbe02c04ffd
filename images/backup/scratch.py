"""A private Postgres on restored data: nobody but this process reaches it, and it archives nothing."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import gently
import moments
import process
import wal
from repository import Progress
from settings import AgentError, Settings
from wal import Segment

# Replaying days of WAL of a busy database. What a recovery does meanwhile is in its log.
RECOVERY_SECONDS = 24 * 3600
# Reads all tables and indexes.
CHECK_SECONDS = 24 * 3600
# Fast shutdown with a checkpoint of all that recovery left in memory.
STOP_SECONDS = 600
QUERY_SECONDS = 3600
# What is left early is thrown away. A postmaster ends its sessions by this signal, within 5 s at worst; by SIGTERM it waits for
# them, and they are in process groups of their own, where ours can't end them.
IMMEDIATE = signal.SIGQUIT
POLL_SECONDS = 0.25
PROGRESS_EVERY_SECONDS = 30
LOG_LINES = 400

# Debian's, with a folder for each major version.
PROGRAMS = Path("/usr/lib/postgresql")

TARGET_NOT_REACHED = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True)
class Server:
    data: Path
    socket: str
    log: Path
    child: subprocess.Popen[str]


def of_version(settings: Settings, version: int | None) -> Settings:
    """For data of an older major version, whose programs the image has too: this process uses those from here on."""
    if version is None:
        return settings
    programs = PROGRAMS / str(version) / "bin"
    if not programs.is_dir():
        raise AgentError("version-unknown", f"there are no programs of PostgreSQL {version} here")
    os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    return replace(settings, version=version)


@contextmanager
def running(data: Path, log: Path, progress: Progress) -> Iterator[Server]:
    """Started, recovered and promoted; ended with the block, however it is left. What it is asked is as low in priority as it
    is itself: Postgres does the work, and not the program that asks."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as socket:
        access = Path(socket) / "hba.conf"
        access.write_text("local all postgres peer\n")
        with open(log, "w") as output:
            child = process.start(
                _argv(data, socket, access), nice=process.NICE_OF_DRILLS, output=output.fileno(), ends_by=IMMEDIATE
            )
        server = Server(data, socket, log, child)
        try:
            _wait_for_recovery(server, progress)
            yield server
            _stop(server)
        finally:
            process.end(child)


def query(server: Server, database: str, sql: str, seconds: float = QUERY_SECONDS) -> str:
    """What psql prints: values alone, tabs between columns. AgentError 'query-failed' with Postgres' words."""
    argv = ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", server.socket, "-U", "postgres", "-d", database]
    done = process.run([*argv, "-f", "-"], stdin=sql, seconds=seconds)
    if done.exit_code != 0:
        raise AgentError("query-failed", done.stderr.strip())
    return done.stdout.strip()


# PostgreSQL's mark, pg_database.h: DATCONNLIMIT_INVALID_DB.
BEING_DROPPED = -2


def connection_limit(server: Server, name: str) -> int | None:
    """None: there is no such database."""
    limit = query(server, "postgres", f"SELECT datconnlimit FROM pg_database WHERE datname = '{name}'")
    return int(limit) if limit else None


def amcheck(server: Server) -> list[str]:
    """What pg_amcheck finds wrong in tables and indexes. Leaves no extension behind that was not there."""
    # As pg_amcheck's --all has it: one whose drop was interrupted refuses every session, and is no damage.
    there = f"SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> {BEING_DROPPED}"
    databases = query(server, "postgres", there).splitlines()
    installed = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
    without = [name for name in databases if query(server, name, installed) == "0"]
    options = ["--all", "--install-missing", "--heapallindexed", "--jobs=1"]
    done = process.run(
        ["pg_amcheck", "-h", server.socket, "-U", "postgres", *options], seconds=CHECK_SECONDS
    )  # fmt: skip
    for name in without:
        query(server, name, "DROP EXTENSION IF EXISTS amcheck")
    # pg_amcheck: 0 is sound, 2 is corruption, both said on stdout; all else is a failure to look.
    return [] if done.exit_code == 0 else [f"pg_amcheck: {(done.stdout + done.stderr).strip()[-2000:]}"]


def rows(server: Server, database: str, damaged: bool) -> dict[str, int | None]:
    """Of each table of the user, counted: an estimate would not tell a restored table from a half of it. Of damaged data, as many
    as can be: each table is named before it is counted, and None is one whose rows can't be read."""
    counting = """SELECT format('SELECT %L, ''-''', name), format('SELECT %L, count(*) FROM %I.%I', name, nspname, relname)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, LATERAL (SELECT nspname || '.' || relname AS name) named
        WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
        ORDER BY 1 \\gexec"""
    going_on = "\\set ON_ERROR_STOP off\n" if damaged else ""
    lines = [line.rsplit("\t", 1) for line in query(server, database, going_on + counting).splitlines()]
    return {name: int(count) if count != "-" else None for name, count in lines}


def checksums(data: Path) -> list[str]:
    """Of the pages of a stopped cluster."""
    done = process.run(["pg_checksums", "--check", "-D", data], seconds=CHECK_SECONDS, nice=process.NICE_OF_DRILLS)
    return [] if done.exit_code == 0 else [f"pg_checksums: {(done.stdout + done.stderr).strip()[-2000:]}"]


def replayed_to(data: Path) -> Segment | None:
    """The last WAL that recovery used: a promotion writes into the new timeline's history where the former one ended."""
    histories = sorted((data / "pg_wal").glob("*.history"))
    lines = histories[-1].read_text().splitlines() if histories else []
    entries = [line.split() for line in lines if re.match(r"\s*\d+\s+[0-9A-F]+/[0-9A-F]+", line)]
    return wal.containing(int(entries[-1][0]), entries[-1][1]) if entries else None


def newest_transaction(server: Server) -> str | None:
    """When the last one that was replayed was committed; None when there was none to replay."""
    answer = query(server, "postgres", "SELECT pg_last_xact_replay_timestamp()")
    return moments.text(moments.parse(answer)) if answer else None


def size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink() and path.is_file())


def remove(folder: Path) -> None:
    """Never through a link."""
    if folder.is_symlink():
        raise AgentError("link-in-the-way", f"{folder} is a link, and is not followed")
    if folder.exists():
        gently.remove(folder)


def room_for(folder: Path, bytes_needed: float) -> None:
    free = shutil.disk_usage(folder).free
    if free < bytes_needed:
        raise AgentError("no-room", f"{folder} has {free >> 20} MiB free; {int(bytes_needed) >> 20} MiB are needed")


def _argv(data: Path, socket: str, access: Path) -> list[str]:
    """On the command line, which wins over every file of the restored cluster."""
    settings = {
        "config_file": data / "horme-scratch.conf",
        "hba_file": access,
        "ident_file": "/dev/null",
        "listen_addresses": "",
        "unix_socket_directories": socket,
        "archive_mode": "off",
        "ssl": "off",
        "shared_preload_libraries": "",
        "shared_buffers": "64MB",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_min_messages": "warning",
        "log_error_verbosity": "terse",
        "log_line_prefix": "",
        "synchronous_standby_names": "",
        "primary_conninfo": "",
        # Nobody reads before the end of recovery; with it on, Postgres pauses when the primary had larger limits.
        "hot_standby": "off",
        "autovacuum": "off",
        # As in gently.py: what its small buffers don't hold reaches the disk soon, and not all at a checkpoint.
        "backend_flush_after": "256kB",
        "jit": "off",
        **_limits(data),
    }
    (data / "horme-scratch.conf").touch()
    return ["postgres", "-D", str(data), *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))]


def _limits(data: Path) -> dict[str, str]:
    """What the primary had, from the control file: transactions that are prepared, and their locks, must find room."""
    done = process.run(["pg_controldata", "-D", data], seconds=60, env={"LC_ALL": "C"})
    names = "max_connections|max_worker_processes|max_wal_senders|max_prepared_xacts|max_locks_per_xact|track_commit_timestamp"
    found = dict(re.findall(rf"^({names}) setting: +(\w+)$", done.stdout, re.MULTILINE))
    renamed = {"max_prepared_xacts": "max_prepared_transactions", "max_locks_per_xact": "max_locks_per_transaction"}
    return {renamed.get(name, name): value for name, value in found.items()}


def _wait_for_recovery(server: Server, progress: Progress) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    said = time.monotonic()
    while not _answers(server):
        if server.child.poll() is not None:
            raise AgentError(*_why(server))
        if time.monotonic() > deadline:
            raise AgentError("recovery-failed", f"recovery did not end in {RECOVERY_SECONDS} s{_last(server)}")
        if time.monotonic() - said > PROGRESS_EVERY_SECONDS:
            said = time.monotonic()
            progress("WAL is replayed")
        time.sleep(POLL_SECONDS)


def _answers(server: Server) -> bool:
    argv = ["pg_isready", "-q", "-h", server.socket, "-t", "5"]
    return process.run(argv, seconds=30).exit_code == 0


# What is answered to our own question whether it is ready.
NOT_YET = ("the database system is starting up", "the database system is not accepting connections")


def complaints(server: Server) -> list[str]:
    """What pgBackRest and Postgres complained of meanwhile. A missing next WAL file is how recovery ends, and no complaint."""
    lines = server.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    kept = (re.sub(r"^\S+ \S+ P\d\d +", "", line) for line in lines)
    found = [line for line in dict.fromkeys(kept) if re.match(r"(ERROR|FATAL|PANIC|WARN|WARNING):|\s+\[", line)]
    return [line for line in found if not line.endswith(NOT_YET)]


def _why(server: Server) -> tuple[str, str]:
    said = complaints(server)
    if any(TARGET_NOT_REACHED in line for line in said):
        return "target-unreachable", TARGET_NOT_REACHED
    return "recovery-failed", f"Postgres ended during recovery{_last(server)}"


def _last(server: Server) -> str:
    said = complaints(server) or server.log.read_text(errors="replace").splitlines()
    return f": {' / '.join(line.strip() for line in said[-8:])}"


def _stop(server: Server) -> None:
    done = process.run(
        ["pg_ctl", "-D", server.data, "-m", "fast", "-w", "-t", str(STOP_SECONDS), "stop"], seconds=STOP_SECONDS + 10
    )  # fmt: skip
    if done.exit_code != 0:
        raise AgentError("stop-failed", f"Postgres did not stop{_last(server)}")
    (server.data / "horme-scratch.conf").unlink(missing_ok=True)
