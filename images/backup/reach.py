"""How far a history can be restored from each repository. They differ: one was away, or lost WAL."""

from dataclasses import dataclass

import repository as repositories
import wal
from histories import Archive, archive_of
from repository import Stanza
from settings import AgentError, Repository
from wal import Segment

NOWHERE = Segment(0, 0)


@dataclass(frozen=True)
class Holding:
    """A history as one repository has it."""

    repository: Repository
    history: Stanza
    archive: Archive

    @property
    def newest(self) -> Segment:
        return max(self.archive.segments, default=NOWHERE)

    @property
    def furthest(self) -> tuple[Segment, int]:
        """The last WAL that its newest backup can be replayed to, which is before the first gap; then that backup's age."""
        if not self.history.good:
            return NOWHERE, 0
        backup = self.history.good[-1]
        missing = wal.gaps(self.archive.segments, wal.parse(backup.wal_start))
        reached = wal.before(missing[0], self.archive.segments) or NOWHERE if missing else self.newest
        return reached, backup.ended


def ask(repository: Repository, stanza: str) -> Holding:
    history = repositories.history(repository.number, stanza)
    if history is None:
        raise AgentError("target-unreachable", f"no backup of {stanza}", "horme backup list")
    return Holding(repository, history, archive_of(repository.number, stanza))
