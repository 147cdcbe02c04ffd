"""The agent that stays: each few seconds it looks what is due, and gives it to the worker."""

import signal
import subprocess
import sys
import threading
import time
import traceback
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import clock
import due
import endpoint
import health
import metrics
import moments
import process
import record
import schedule
import sources
import status
from main import work_of
from settings import Settings
from worker import Worker

TICK_SECONDS = 5
# For the state's files; for the repositories, how soon one that could not be asked is asked again.
LOOK_SECONDS = 30
# How old the clock's last reading may be for a backup that asks whether it jumped.
CLOCK_SECONDS = 60
# `docker stop` kills after 10 s.
STOP_SECONDS = 8


def run(told: Settings) -> dict[str, Any]:
    schedule.parse(told.schedule), schedule.parse(told.drill_schedule)
    stop = _stop_on_signals()
    http = endpoint.serve(
        {"/metrics": lambda: (200, metrics.render(told, status.read(told.role), clock.awake())), "/health": health.answer}
    )
    agent = Agent(told, stop)
    log(f"{told.role}: backups at '{told.schedule}', {len(told.repositories)} repositories")
    while not stop.is_set():
        agent.tick()
        stop.wait(TICK_SECONDS)
    log("stopping: running work is ended")
    http.shutdown()
    agent.worker.join(STOP_SECONDS)
    return {}


def log(text: str) -> None:
    print(f"{moments.text(moments.now())} {text}", file=sys.stderr, flush=True)


class Agent:
    def __init__(self, told: Settings, stop: threading.Event):
        self.told = told
        self.worker = Worker(log)
        self.clock = clock.remembered(status.read(told.role))
        self.clock_recorded = self.state_looked = float("-inf")
        self.server: subprocess.Popen[str] | None = None
        self.set_up_at: str | None = None
        self.wanted_backups: set[str] = set()
        if self._has_database:
            import archiver
            import gaps
            import pgbackrest

            pgbackrest.write_configuration(told)
            archiver.begin(told)
            _watch("the database", partial(archiver.tick, told), archiver.LOOK_SECONDS, stop)
            _watch("the repositories", gaps.Watch(told).tick, LOOK_SECONDS, stop)

    def tick(self) -> None:
        """Nothing in here waits for long. A failure is logged and tried again: the loop is what all else hangs on."""
        try:
            self._follow_clock()
            if self._has_database:
                self._keep_server()
            if not self.worker.is_busy:
                self._start_what_is_due()
            health.ticked()
        except Exception:
            if process.stopping():
                return
            log(f"the loop failed:\n{traceback.format_exc()}")

    @property
    def _has_database(self) -> bool:
        return self.told.role == "database" and self.told.stanza is not None

    def _follow_clock(self) -> None:
        known, now = status.read(self.told.role), clock.read()
        wrong = clock.jump(self.clock, now, due.newest_backup(known))
        slots = due.mended(known, now.wall)
        before, self.clock = self.clock, now
        if wrong and not known.get("clockJumped"):
            log(f"{wrong}; nothing is expired for a day")
        if not (wrong or slots) and now.steady - self.clock_recorded < CLOCK_SECONDS:
            return
        self.clock_recorded = now.steady
        status.update(self.told.role, partial(record.clock_reading, before=before, now=now, jumped=bool(wrong), slots=slots))

    def _keep_server(self) -> None:
        """The members push their WAL through it: restarted whenever it died."""
        import pgbackrest

        if self.server and self.server.poll() is None:
            return
        if self.server:
            log(f"pgbackrest's server ended with {self.server.returncode}; it is started again")
            process.end(self.server)
        self.server = process.start(pgbackrest.server_argv(), output=sys.stderr.fileno())

    def _start_what_is_due(self) -> None:
        told, known, now = self.told, status.read(self.told.role), moments.now()
        if told.role == "database" and not self._has_database:
            return
        self._forget_what_is_mended(known)
        numbers = [one.number for one in told.repositories]
        wanted = [one.tags for one in sources.wanted(told)] if told.role == "files" else []
        backup = due.backup(told.schedule, known, numbers, now, self.worker.tried("backup"), wanted)
        if backup:
            return self._back_up(backup)
        # What a release wrote does not wait for a drill.
        if told.role == "files" and self._back_up_state(known):
            return
        drill = due.drill(told.drill_schedule, known, now, self.worker.tried("drill"))
        if drill:
            work = partial(work_of(told.role, "drill"), told, Namespace(repo=None, label=None), log)
            self._start("drill", drill.reason, work, record.slot("lastDrillSlot", drill))

    def _forget_what_is_mended(self, known: status.Status) -> None:
        """After `set-up`, and where a gap was found since the last tick: that repository could be asked. A drill that gave way to its
        backup would else begin again while this waits, for another repository maybe."""
        set_up_at, wanted = known.get("setUpAt"), due.wanted_backups(known)
        if set_up_at != self.set_up_at or wanted - self.wanted_backups:
            self.worker.forget("backup")
        self.set_up_at, self.wanted_backups = set_up_at, wanted

    def _back_up(self, wanted: due.Due) -> None:
        arguments = Namespace(type=None, repositories=list(wanted.repositories))
        fields = record.slot("lastSlot", wanted)
        # Only of all: one in which a backup of the state failed would else lack it until it changes.
        if self.told.role == "files" and len(wanted.repositories) == len(self.told.repositories):
            fields["stateSeen"] = sources.fingerprint(sources.state_folder())
        self._start("backup", wanted.reason, partial(work_of(self.told.role, "backup"), self.told, arguments, log), fields)

    def _back_up_state(self, known: status.Status) -> bool:
        """True when it was begun."""
        if time.monotonic() - self.state_looked < LOOK_SECONDS:
            return False
        self.state_looked = time.monotonic()
        # Before the backup: what is written during it is seen as new.
        seen = sources.fingerprint(sources.state_folder())
        if not due.state(known, seen, self.worker.tried("state")):
            return False
        arguments = Namespace(type=None, repositories=None, kinds=("state",))
        work = partial(work_of(self.told.role, "backup"), self.told, arguments, log)
        self._start("state", "the project's state changed", work, {"stateSeen": seen})
        return True

    def _start(self, kind: str, reason: str, work: Callable[[], Any], fields: dict[str, Any]) -> None:
        log(f"{kind}: {reason}")
        self.worker.start(kind, work, partial(record.outcome, self.told.role, kind, fields))


def _watch(what: str, look: Callable[[], None], every_seconds: float, stop: threading.Event) -> None:
    """In a thread of its own, since a look may wait long: a repository that hangs keeps neither the loop nor the heartbeat."""

    def watch() -> None:
        while not stop.is_set():
            try:
                look()
            except Exception:
                log(f"{what} could not be looked at:\n{traceback.format_exc()}")
            stop.wait(every_seconds)

    threading.Thread(target=watch, name=what, daemon=True).start()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def ended(_number: int, _frame: object) -> None:
        stop.set()
        # A handler runs in the middle of anything, also of what holds a lock that this needs.
        threading.Thread(target=process.end_all).start()

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
    return stop
