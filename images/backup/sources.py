"""What the files role backs up, and how its snapshots are marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import settings
from settings import Settings

CACHE_DUMP = "dump.rdb"
# In a volume while its content is replaced: what takes its place, and what goes. No snapshot has it.
REPLACING = ".horme-replace"
KINDS = ("state", "volume", "cache")


@dataclass(frozen=True)
class Source:
    kind: str
    name: str | None
    paths: tuple[Path, ...]

    @property
    def tags(self) -> str:
        return f"kind={self.kind},name={self.name}" if self.name else f"kind={self.kind}"

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}" if self.name else self.kind


def wanted(told: Settings, kinds: Sequence[str] = KINDS) -> list[Source]:
    own = [folder for folder in (state_folder(), edge_folder()) if folder.is_dir()]
    every = [
        *([Source("state", None, tuple(own))] if own else []),
        *(Source("volume", name, (volume_folder(name),)) for name in told.volumes),
        *([Source("cache", None, (cache_folder(),))] if told.cache else []),
    ]
    return [source for source in every if source.kind in kinds]


def state_folder() -> Path:
    return settings.SOURCES / "state"


def edge_folder() -> Path:
    return settings.SOURCES / "edge"


def cache_folder() -> Path:
    """What the cache's dump is written to before it is backed up: /tmp is memory."""
    return settings.FILES / "work" / "cache"


def volume_folder(name: str) -> Path:
    return settings.SOURCES / "volumes" / name


def fingerprint(folder: Path) -> str | None:
    """Changes when anything below is written, made or removed. None when there is no such folder."""
    newest, count = 0, 0
    if not folder.is_dir():
        return None
    for path in (folder, *folder.rglob("*")):
        try:
            newest = max(newest, path.lstat().st_mtime_ns)
            count += 1
        except FileNotFoundError:
            continue  # Removed since it was listed; its folder is newer for it.
    return f"{newest} {count}"
