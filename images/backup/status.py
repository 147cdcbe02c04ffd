"""What the agent remembers: one JSON file a role, written whole or not at all, by `serve` and by commands beside it."""

import errno
import fcntl
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import durable
import settings
from settings import folder_of

Status = dict[str, Any]

# flock knows processes, not threads: the worker and the loop of `serve` need this one.
_threads = threading.Lock()


def read(role: str) -> Status:
    """Empty when there is none. A torn one counts as none: then a backup is due at once, which is the safe side."""
    for file in (_spare(role), _file(role)):
        try:
            found = json.loads(file.read_text())
        except FileNotFoundError:
            continue
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    return {}


def update(role: str, change: Callable[[Status], None]) -> None:
    """`change` edits the status in place; nobody else's update comes between."""
    with _alone(role):
        status = read(role)
        change(status)
        _write(role, json.dumps(status, indent=1))


def _write(role: str, text: str) -> None:
    """A full disk is what there is to tell then: until there is room again it is told from memory."""
    try:
        durable.write(_file(role), text)
        _spare(role).unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        durable.write(_spare(role), text)


def _spare(role: str) -> Path:
    """On tmpfs: it is there for as long as the container's disk is full."""
    return settings.RUN / f"{role}-status.json"


def _file(role: str) -> Path:
    return folder_of(role) / "status.json"


@contextmanager
def _alone(role: str) -> Iterator[None]:
    beside = _file(role).with_suffix(".lock")
    with _threads, open(beside, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
