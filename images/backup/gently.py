"""Writes and deletes much beside a running database. A commit waits for the file system's journal, and so for all that was
written or freed just before: one GiB at once holds every commit up for a third of a second, in small pieces for none."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What is written meanwhile holds a commit up by some ten milliseconds: see `npm run bench -- backup`.
FLUSH_SECONDS = 0.02
# Some GiB a second are deleted.
PIECE_BYTES = 32 << 20
PAUSE_SECONDS = 0.01

PROCESSES = Path("/proc")


@contextmanager
def flushed(folder: Path, program: str) -> Iterator[None]:
    """What `program` writes below the folder reaches the disk while it is written."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(FLUSH_SECONDS):
            for path in _written(folder, program):
                _flush(path)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def remove(folder: Path) -> None:
    """Links are unlinked and not followed."""
    for parent, _folders, names in os.walk(folder):
        for name in names:
            _shrink(Path(parent, name))
    shutil.rmtree(folder)


def _shrink(path: Path) -> None:
    try:
        size = path.stat().st_size if path.is_file() and not path.is_symlink() else 0
        while size > PIECE_BYTES:
            size -= PIECE_BYTES
            os.truncate(path, size)
            time.sleep(PAUSE_SECONDS)
    except OSError:
        pass  # It is removed whole.


def _written(folder: Path, program: str) -> set[str]:
    found = set()
    for process in PROCESSES.glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == program:
                found.update(os.readlink(one) for one in (process / "fd").iterdir())
        except (OSError, ValueError):
            continue  # It has ended, is another user's, or has no name.
    return {path for path in found if path.startswith(f"{folder}/")}


def _flush(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return  # It has its final name by now.
    try:
        os.fdatasync(descriptor)
    except OSError:
        pass  # Whoever writes it hears of that too.
    finally:
        os.close(descriptor)
