"""A folder compared with what a snapshot holds of it: by type, size and time of change, without reading content."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moments

# Type, size, and time of change in nanoseconds. A folder's time changes with what is in it, which is told by itself.
Entry = tuple[str, int, int]
Tree = dict[str, Entry]

# Of each list; `counts` has the whole number. A volume may have millions of files, and a person reads the first few.
MOST_NAMED = 1000

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}


def note(tree: Tree, node: dict[str, Any], folder: Path) -> None:
    """Adds a node of `restic ls` when it is below the folder."""
    prefix = f"{folder}/"
    if node.get("path", "").startswith(prefix):
        kind = node["type"]
        when = 0 if kind == "dir" else _nanoseconds(node["mtime"])
        tree[node["path"].removeprefix(prefix)] = (kind, node.get("size", 0) if kind == "file" else 0, when)


def compare(then: Tree, folder: Path) -> dict[str, Any]:
    """Uses `then` up. Paths are relative to the folder."""
    added, changed = [], []
    for path, entry in _present(folder):
        former = then.pop(path, None)
        if former is None:
            added.append(path)
        elif former != entry:
            changed.append(path)
    lists = {"added": sorted(added), "changed": sorted(changed), "removed": sorted(then)}
    counts = {name: len(paths) for name, paths in lists.items()}
    return {**{name: paths[:MOST_NAMED] for name, paths in lists.items()}, "counts": counts}


def _present(folder: Path) -> Iterator[tuple[str, Entry]]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            try:
                found = os.lstat(path)
            except FileNotFoundError:
                continue  # Removed since it was listed.
            yield os.path.relpath(path, folder), _entry(found)


def _entry(found: os.stat_result) -> Entry:
    kind = TYPES.get(stat.S_IFMT(found.st_mode), "device")
    return kind, found.st_size if kind == "file" else 0, 0 if kind == "dir" else found.st_mtime_ns


def _nanoseconds(text: str) -> int:
    """Exactly, which a float is not."""
    fraction = re.search(r"\.(\d+)", text)
    whole = int(moments.parse(re.sub(r"\.\d+", "", text)).timestamp())
    return whole * 10**9 + (int(fraction[1].ljust(9, "0")[:9]) if fraction else 0)
