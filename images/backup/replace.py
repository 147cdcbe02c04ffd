"""Takes a volume's restored content into use; what was there is copied to a volume of its own first, which is new. The services
that have the volume are stopped meanwhile. The restored content is copied beside, within the volume: until all of it is there
the volume keeps what it had, and then it changes by renames alone, which need no room and no time. Whoever was killed begins
anew, with another new volume: what is there by then is set aside too, so no run depends on how the one before ended. Of the
volumes that say that they are whole, the oldest has what was there before the first run."""

import os
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import process
import scratch
from settings import TARGETS, AgentError, Settings
from sources import REPLACING

# 2 TB at 50 MB/s, twice.
COPY_SECONDS = 24 * 3600
SIZE_SECONDS = 3600
ROOM = 1.05
# In the former content's volume: it has all of it.
WHOLE = ".horme-former-whole"
AS_IT_WAS = "the volume has the content that it had"


def run(_told: Settings, _arguments: Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    current, former, restored = (TARGETS / name for name in ("current", "former", "restored"))
    _check(current, former, restored)
    work = current / REPLACING
    # Of a run that was killed: what went is in a volume of its own, what came is in the backups.
    _remove(work)
    try:
        _check_room([(current, former), (restored, current)])
        progress("what is there is set aside")
        _copy(current, former)
        (former / WHOLE).touch()
        _sync(former)
        progress("the restored content takes its place")
        _stage(restored, work)
    except (AgentError, OSError, SystemExit) as error:
        # Copies that are of no use any more, and take the room that may be what was missing.
        _remove(work)
        _empty(former)
        raise _unchanged(error) from error
    _swap(current, work)
    return {}


def _unchanged(error: BaseException) -> AgentError:
    """By this code Horme knows that what was set aside is of no use."""
    why = error.message if isinstance(error, AgentError) else "it was told to stop" if isinstance(error, SystemExit) else error
    return AgentError("unchanged", f"{why}: {AS_IT_WAS}")


def _check(current: Path, former: Path, restored: Path) -> None:
    for folder in (current, former, restored):
        if not folder.is_dir() or folder.is_symlink():
            raise AgentError("no-target", f"{folder} is not mounted")
    if any(former.iterdir()):
        raise AgentError("not-empty", f"{former} has content, which may be the only copy: a new volume is needed")


def _check_room(copies: list[tuple[Path, Path]]) -> None:
    """All that goes to one disk together, before any of it is written."""
    devices = {target: target.stat().st_dev for _, target in copies}
    sizes = {source: _size(source) for source, _ in copies}
    for target, device in devices.items():
        scratch.room_for(target, ROOM * sum(sizes[source] for source, other in copies if devices[other] == device))


def _size(folder: Path) -> int:
    """On the disk: files with holes and several names count as what a copy of them takes."""
    done = process.run(["du", "--summarize", "--block-size=1", folder], seconds=SIZE_SECONDS)
    if done.exit_code != 0:
        raise AgentError("copy-failed", done.stderr.strip())
    return int(done.stdout.split()[0])


def _stage(restored: Path, work: Path) -> None:
    staged = work / "restored"
    (work / "former").mkdir(parents=True)
    staged.mkdir()
    _copy(restored, staged)
    # Of a backup that was taken during a run.
    _remove(staged / REPLACING)


def _swap(current: Path, work: Path) -> None:
    staged = work / "restored"
    renames = [(one, work / "former" / one.name) for one in current.iterdir() if one != work]
    renames += [(one, current / one.name) for one in staged.iterdir()]
    try:
        for source, target in renames:
            source.rename(target)
        _own_as(current, staged)
    except OSError as error:
        # An immutable file can't be renamed.
        _undo(renames)
        _clear(work)
        raise _unchanged(error) from error
    _sync(current)
    _clear(work)


def _undo(renames: list[tuple[Path, Path]]) -> None:
    for source, target in reversed(renames):
        if not os.path.lexists(source):
            target.rename(source)


def _own_as(folder: Path, other: Path) -> None:
    """The volume's own folder: an application that can't enter it doesn't start."""
    told = other.stat()
    os.chown(folder, told.st_uid, told.st_gid)
    # After the owner: a change of owner clears setuid and setgid.
    shutil.copystat(other, folder)


def _copy(source: Path, target: Path) -> None:
    done = process.run(["cp", "-a", "--reflink=auto", f"{source}/.", f"{target}/"], seconds=COPY_SECONDS)
    if done.exit_code != 0:
        raise AgentError("copy-failed", done.stderr.strip())
    _sync(target)


def _sync(folder: Path) -> None:
    """Its whole file system, and with the errors that `os.sync` does not tell."""
    done = process.run(["sync", "--file-system", folder], seconds=COPY_SECONDS)
    if done.exit_code != 0:
        raise AgentError("copy-failed", done.stderr.strip())


def _clear(work: Path) -> None:
    """An immutable file deep in it stays, and the next run says so."""
    shutil.rmtree(work, ignore_errors=True)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        _remove(entry)


def _remove(path: Path) -> None:
    """Links are unlinked, and never followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
