"""Takes a volume's restored content into use; what was there goes to a volume of its own first. The services that have the
volume are stopped meanwhile. Killed and repeated it ends the same: the former content is whole before anything is removed."""

import os
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import process
from settings import TARGETS, AgentError, Settings

# 2 TB at 50 MB/s, twice.
COPY_SECONDS = 24 * 3600
# In the former content's volume: it has all of it.
WHOLE = ".horme-former-whole"


def run(_told: Settings, _arguments: Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    current, former, restored = (TARGETS / name for name in ("current", "former", "restored"))
    for folder in (current, former, restored):
        if not folder.is_dir() or folder.is_symlink():
            raise AgentError("no-target", f"{folder} is not mounted")
    if not (former / WHOLE).exists():
        progress("what is there is set aside")
        _empty(former)
        _copy(current, former)
        (former / WHOLE).touch()
    progress("the restored content takes its place")
    _empty(current)
    _copy(restored, current)
    return {}


def _copy(source: Path, target: Path) -> None:
    done = process.run(["cp", "-a", "--reflink=auto", f"{source}/.", f"{target}/"], seconds=COPY_SECONDS)
    if done.exit_code != 0:
        raise AgentError("copy-failed", done.stderr.strip())
    os.sync()


def _empty(folder: Path) -> None:
    """Links inside are unlinked, and never followed."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
