"""Whether `serve` lives: its loop leaves the time of each tick."""

import time
from pathlib import Path

import process
import settings
from settings import AgentError, Settings

# A dozen ticks: a disk that hangs for a while is not a dead loop.
TICK_LIMIT_SECONDS = 60
PING_SECONDS = 10


def ticked() -> None:
    """On tmpfs; written beside and moved, or a check could read half of it."""
    temporary = _file().with_suffix(".new")
    temporary.write_text(str(_steady()))
    temporary.rename(_file())


def check(told: Settings) -> None:
    """AgentError when it doesn't."""
    wrong = _stale()
    if wrong:
        raise AgentError("unhealthy", wrong)
    if told.role == "database" and told.stanza is not None:
        # Of pgBackRest itself: a bare connection would leave an error in its log each time.
        done = process.run(["pgbackrest", "server-ping"], seconds=PING_SECONDS)
        if done.exit_code != 0:
            raise AgentError("unhealthy", f"pgbackrest's server does not answer: {(done.stderr or done.stdout).strip()}")


def answer() -> tuple[int, str]:
    """For HTTP."""
    wrong = _stale()
    return (503, f"{wrong}\n") if wrong else (200, "ok\n")


def _stale() -> str | None:
    try:
        age = _steady() - float(_file().read_text())
    except (FileNotFoundError, ValueError):
        return "the loop has not begun"
    return f"the loop last ticked {age:.0f} s ago" if age > TICK_LIMIT_SECONDS else None


def _file() -> Path:
    return settings.RUN / "tick"


def _steady() -> float:
    # Not wall time, which may jump, and the same for all processes of the machine.
    return time.clock_gettime(time.CLOCK_BOOTTIME)
