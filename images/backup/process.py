"""Runs a program: without a shell, with a deadline, in a process group of its own, which ends with the call, and with an agent
that is told to stop. What leaves the group, or loses its agent to SIGKILL, goes on."""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from settings import AgentError

# Between asking a group to end and killing it. pgBackRest and restic release their locks in that time; a lock of restic
# that stays would keep `prune` out for half an hour.
GRACE_SECONDS = 10
# `docker stop` kills after 10 s: our own end must come before.
STOP_GRACE_SECONDS = 5
LOOK_SECONDS = 1
# Of what is done beside production, which comes first; and of drills, for which nobody waits.
NICE = 10
NICE_OF_DRILLS = 15

Line = Callable[[str], None]

# Each with the signal that ends it kindly.
_running: dict[subprocess.Popen[str], signal.Signals] = {}
_guard = threading.Lock()
_stopping = threading.Event()
# Of a thread: `serve` runs others beside.
_look: ContextVar[Callable[[], None]] = ContextVar("look", default=lambda: None)


@dataclass(frozen=True)
class Completed:
    exit_code: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | Path],
    *,
    seconds: float,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
    on_line: Line | None = None,
    nice: int = 0,
    cwd: str | Path | None = None,
    keep_lines: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """`env` is added to the agent's own. Any exit code is an answer; AgentError 'deadline' when there is none in time.
    `keep_lines`: only so many of the last lines of each output are kept, where a program writes millions."""
    _look.get()()
    child = start(argv, env=env, nice=nice, cwd=cwd, takes_input=stdin is not None, pass_fds=pass_fds)
    lines: tuple[deque[str], deque[str]] = (deque(maxlen=keep_lines), deque(maxlen=keep_lines))
    failures: list[Exception] = []
    pipes = zip((child.stdout, child.stderr), lines)
    helpers = [_reader(pipe, kept, on_line, failures) for pipe, kept in pipes]
    if stdin is not None:
        helpers.append(_writer(child, stdin))
    try:
        _wait(child, helpers, seconds)
    except subprocess.TimeoutExpired:
        raise AgentError("deadline", f"{Path(argv[0]).name} did not end within {seconds:g} s{_last(lines)}") from None
    finally:
        end(child)
    if _stopping.is_set():
        raise AgentError("stopped", f"{Path(argv[0]).name} was ended because the agent stops")
    if failures:
        raise failures[0]
    return Completed(child.returncode, "".join(lines[0].copy()), "".join(lines[1].copy()))


def start(
    argv: Sequence[str | Path],
    *,
    env: dict[str, str] | None = None,
    nice: int = 0,
    cwd: str | Path | None = None,
    takes_input: bool = False,
    output: int = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
    ends_by: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[str]:
    """For a child that stays; whoever starts it ends it with `end`."""
    with _guard:
        if _stopping.is_set():
            raise AgentError("stopped", "the agent stops")
        child = subprocess.Popen(
            [*_politely(nice), *map(str, argv)],
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=pass_fds,
        )
        _running[child] = ends_by
    return child


def end(child: subprocess.Popen[str], grace_seconds: float = GRACE_SECONDS) -> None:
    """Ends the whole group, kindly at first. Nothing when it has ended."""
    if child.poll() is None:
        _signal(child, _running.get(child, signal.SIGTERM))
        try:
            child.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            pass
    # Also when the leader is gone: what it started may not be.
    _signal(child, signal.SIGKILL)
    child.wait()
    with _guard:
        _running.pop(child, None)


def end_all() -> None:
    """Lets no more children start, and ends those that run."""
    _stopping.set()
    with _guard:
        children = dict(_running)
    for child, ends_by in children.items():
        _signal(child, ends_by)
    deadline = time.monotonic() + STOP_GRACE_SECONDS
    while time.monotonic() < deadline and any(child.poll() is None for child in children):
        time.sleep(0.05)
    for child in children:
        _signal(child, signal.SIGKILL)


def end_all_on_signals() -> None:
    """A command's reaction to SIGTERM and SIGINT: its children end, then it does. `serve` sets its own."""

    def stop(number: int, _frame: FrameType | None) -> None:
        # A handler runs in the middle of anything, also of what holds the guard; a thread may wait for it.
        thread = threading.Thread(target=end_all)
        thread.start()
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


@contextmanager
def ended_by(look: Callable[[], None]) -> Iterator[None]:
    """What this thread runs in the block ends once `look`, which is called each second, raises: with what it raises. One in
    another adds to it."""
    outer = _look.get()

    def both() -> None:
        outer()
        look()

    token = _look.set(both)
    try:
        yield
    finally:
        _look.reset(token)


def stopping() -> bool:
    return _stopping.is_set()


def _wait(child: subprocess.Popen[str], helpers: Sequence[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    _wait_for_end(child, deadline)
    # A grandchild that keeps the pipe open must not keep us past the deadline either.
    for helper in helpers:
        helper.join(max(1.0, deadline - time.monotonic()))


def _wait_for_end(child: subprocess.Popen[str], deadline: float) -> None:
    while True:
        try:
            child.wait(max(0, min(LOOK_SECONDS, deadline - time.monotonic())))
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                raise
        _look.get()()


def _politely(nice: int) -> list[str]:
    """By programs and not by preexec_fn, which may lock up in a process that has threads."""
    # Class 2 with priority 7 is the least of best effort; idle (3) could starve a backup on a busy disk for ever.
    return ["nice", "-n", str(nice), "ionice", "-c", "2", "-n", "7"] if nice else []


def _signal(child: subprocess.Popen[str], number: int) -> None:
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # It has ended.


def _reader(stream: IO[str], lines: deque[str], on_line: Line | None, failures: list[Exception]) -> threading.Thread:
    def hear(line: str) -> None:
        # The first failure ends the listening, not the reading: a full pipe would stop the child.
        try:
            if on_line and not failures:
                on_line(line.rstrip("\n"))
        except Exception as error:
            failures.append(error)

    def read() -> None:
        with stream:
            for line in stream:
                lines.append(line)
                hear(line)

    return _started(read)


def _writer(child: subprocess.Popen[str], text: str) -> threading.Thread:
    def write() -> None:
        try:
            with child.stdin:
                child.stdin.write(text)
        except BrokenPipeError:
            pass  # It wanted no more; its exit code says whether that is well.

    return _started(write)


def _started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _last(lines: tuple[deque[str], deque[str]], count: int = 5) -> str:
    last = [line.strip() for line in list(lines[1] or lines[0])[-count:]]
    return f"; it last said: {' / '.join(last)}" if last else ""
