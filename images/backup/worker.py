"""One thread for what takes long: a backup, a drill. One at a time, and what came of each kind is remembered."""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from due import Tried
from settings import AgentError

Log = Callable[[str], None]

# Neither is a failure: the work was not begun, or was ended on purpose.
NOT_TRIED = ("busy", "stopped")


@dataclass
class _Past:
    failures: int = 0
    ended: float | None = None


class Worker:
    def __init__(self, log: Log):
        self._log = log
        self._thread: threading.Thread | None = None
        self._past: dict[str, _Past] = {}

    @property
    def is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def tried(self, kind: str) -> Tried:
        past = self._past.get(kind)
        if past is None or past.ended is None:
            return Tried()
        return Tried(past.failures, time.monotonic() - past.ended)

    def forget(self, kind: str) -> None:
        """What made it fail is known to be mended: it need not wait."""
        self._past.pop(kind, None)

    def start(self, kind: str, work: Callable[[], None], ended: Callable[[AgentError | None], None]) -> None:
        """`ended` hears what came of it, unless it was not tried."""
        self._thread = threading.Thread(target=self._run, args=(kind, work, ended), name=kind, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        if self._thread:
            self._thread.join(seconds)

    def _run(self, kind: str, work: Callable[[], None], ended: Callable[[AgentError | None], None]) -> None:
        error = self._outcome(work)
        self._log(f"{kind}: {error.message if error else 'done'}")
        if error and error.code in NOT_TRIED:
            return
        past = self._past.setdefault(kind, _Past())
        past.failures = past.failures + 1 if error else 0
        past.ended = time.monotonic()
        try:
            ended(error)
        except Exception:
            # Most likely a full disk; what was not recorded is done again.
            self._log(f"{kind}: could not be recorded:\n{traceback.format_exc()}")

    def _outcome(self, work: Callable[[], None]) -> AgentError | None:
        try:
            work()
        except AgentError as error:
            return error
        except Exception:
            # A bug in a drill must not end the backups.
            return AgentError("bug", traceback.format_exc())
        return None
