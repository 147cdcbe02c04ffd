"""One backup, drill or check at a time, across both containers: they share a folder with one file in it."""

import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import process
import settings
from settings import AgentError

POLL_SECONDS = 0.5
# For a command or a scheduled run: long enough for a small backup of the other container, not for a large one, since whoever
# typed it wants to know; `serve` asks again.
WAIT_SECONDS = 60
# For what reads or restores whole backups: the other container's own may be under way, by the same schedule.
PATIENT_SECONDS = 4 * 3600
# As long as the longest backup may take.
RESTORE_WAIT_SECONDS = 24 * 3600
SAY_EVERY_SECONDS = 30

# Bytes of the file that are locked as marks: for reading, which takes no more than reading it. They are gone with who set them,
# and with what has the file open by it: see `held`.
DRILL, RESTORE, RESTORE_WAITS = range(3)

Progress = Callable[[str], None]

# Of a thread: `serve` runs others beside.
_held: ContextVar[tuple[int, ...]] = ContextVar("held", default=())


def _unsaid(_text: str) -> None:
    pass


@contextmanager
def one_at_a_time(wait_seconds: float = WAIT_SECONDS, progress: Progress = _unsaid) -> Iterator[None]:
    """What it waits for is said. Held until the block ends, or the process and what was given `held` have died. AgentError 'busy'
    when it isn't free in time."""
    with _opened() as descriptor:
        _take(descriptor, wait_seconds, progress)
        yield


@contextmanager
def until_a_restore_waits(wait_seconds: float, progress: Progress) -> Iterator[None]:
    """As `one_at_a_time`, for a drill: what it runs then is ended, with AgentError 'stopped'."""
    with _opened() as descriptor:
        _take(descriptor, wait_seconds, progress)
        _mark(descriptor, DRILL)
        with process.ended_by(lambda: _give_way(descriptor)):
            yield


@contextmanager
def for_a_restore(progress: Progress) -> Iterator[None]:
    """Next, whoever else waits: someone was paged. What it waits for is said."""
    with _opened() as descriptor:
        _mark(descriptor, RESTORE_WAITS)
        _take(descriptor, RESTORE_WAIT_SECONDS, progress, comes_first=True)
        _mark(descriptor, RESTORE)
        _mark(descriptor, RESTORE_WAITS, fcntl.F_UNLCK)
        yield


def held() -> tuple[int, ...]:
    """What this thread has the lock by: a child that inherits it holds it too, when its agent is killed. For restic alone, whose
    own lock is taken for a dead one's when ours is free. pgBackRest has its own locks, and a Postgres on restored data, or a
    query of it, would keep a restore waiting for hours."""
    return _held.get()


@contextmanager
def _opened() -> Iterator[int]:
    # Read-only is enough for flock, and all that the other container's user may.
    with open(settings.LOCK_FILE) as file:
        token = _held.set((file.fileno(),))
        try:
            yield file.fileno()
        finally:
            _held.reset(token)


# By polling: a blocking flock has no deadline outside the main thread.
def _take(descriptor: int, wait_seconds: float, progress: Progress, comes_first: bool = False) -> None:
    began = time.monotonic()
    said = 0
    while (not comes_first and _is_marked(descriptor, RESTORE_WAITS)) or not _taken(descriptor):
        waited = time.monotonic() - began
        if waited >= wait_seconds:
            raise _busy(wait_seconds)
        if waited >= said:
            progress(f"{_what_runs(descriptor, comes_first)} ({waited:.0f} s so far)")
            said += SAY_EVERY_SECONDS
        time.sleep(POLL_SECONDS)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _what_runs(descriptor: int, comes_first: bool) -> str:
    if not comes_first and _is_marked(descriptor, RESTORE_WAITS):
        return "a restore waits, and comes first"
    if _is_marked(descriptor, DRILL):
        return "a drill runs, which is ended for this restore" if comes_first else "a drill runs, and is waited for"
    if _is_marked(descriptor, RESTORE):
        return "a restore runs, and is waited for"
    return "a backup, or a check of the backups, runs, and is waited for"


def _give_way(descriptor: int) -> None:
    if _is_marked(descriptor, RESTORE_WAITS):
        raise AgentError("stopped", "the drill was ended, because a restore waits", "horme backup drill, after the restore")


def _busy(seconds: float) -> AgentError:
    what = f"another backup, drill or restore runs; it did not end within {seconds:g} s"
    return AgentError("busy", what, "wait for it to end, then repeat the command")


def _mark(descriptor: int, mark: int, kind: int = fcntl.F_RDLCK) -> None:
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _range(kind, mark))


def _is_marked(descriptor: int, mark: int) -> bool:
    """By another: one's own marks are no obstacle."""
    (kind,) = struct.unpack_from("h", fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _range(fcntl.F_WRLCK, mark)))
    return kind != fcntl.F_UNLCK


def _range(kind: int, mark: int) -> bytes:
    """`struct flock` of fcntl(2), as 64-bit Linux has it. Of the open file, not of the process, which opens it in two threads."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, mark, 1, 0)
