"""One backup, drill or check at a time, across both containers: they share a folder with one file in it."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import settings
from settings import AgentError

POLL_SECONDS = 0.5
# For a command or a scheduled run: long enough for a small backup of the other container, not for a large one, since whoever
# typed it wants to know; `serve` asks again.
WAIT_SECONDS = 60


@contextmanager
def one_at_a_time(wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Held until the block ends or the process dies. AgentError 'busy' when it isn't free in time."""
    # Read-only is enough for flock, and all that the other container's user may.
    with open(settings.LOCK_FILE) as file:
        _take(file.fileno(), time.monotonic() + wait_seconds, wait_seconds)
        yield


def _take(descriptor: int, deadline: float, wait_seconds: float) -> None:
    # By polling: a blocking flock has no deadline outside the main thread.
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise AgentError(
                    "busy",
                    f"another backup, drill or restore runs; it did not end within {wait_seconds:g} s",
                    "wait for it to end, then repeat the command",
                ) from None
        time.sleep(POLL_SECONDS)
