"""What the agent remembers: one JSON file a role, written whole or not at all, by `serve` and by commands beside it."""

import fcntl
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import durable
from settings import folder_of

Status = dict[str, Any]

# flock knows processes, not threads: the worker and the loop of `serve` need this one.
_threads = threading.Lock()


def read(role: str) -> Status:
    """Empty when there is none. A torn one counts as none: then a backup is due at once, which is the safe side."""
    try:
        found = json.loads(_file(role).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def update(role: str, change: Callable[[Status], None]) -> None:
    """`change` edits the status in place; nobody else's update comes between."""
    with _alone(role):
        status = read(role)
        change(status)
        durable.write(_file(role), json.dumps(status, indent=1))


def _file(role: str) -> Path:
    return folder_of(role) / "status.json"


@contextmanager
def _alone(role: str) -> Iterator[None]:
    beside = _file(role).with_suffix(".lock")
    with _threads, open(beside, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
