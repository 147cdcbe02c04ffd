"""Watches that the WAL which left the database has arrived: the repositories are asked now and then, since that lists whole
archives."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import repository as repositories
import status
from backup import own_entry
from histories import archive_of, gaps_of, iso
from settings import AgentError, Repository, Settings

EVERY_SECONDS = 6 * 3600
WANTED = "WAL is missing in an archive: only what comes after a new backup can be restored"


@dataclass(frozen=True)
class _Look:
    at: float
    # When archiving was last mended before it began: what was mended during a look is looked at again.
    mended: str | None


class Watch:
    """Remembers its looks in memory alone: an agent that starts looks at once, and no clock that jumps makes it wait."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._looks: dict[int, _Look] = {}

    def tick(self) -> None:
        """One that can't be asked is asked again at the next tick: what was known of it stays, and its backup fails with the
        reason."""
        told = self._settings
        for repository in told.repositories:
            number = repository.number
            mended = status.read(told.role).get("archiveMendedAt")
            if not self._is_due(number, mended):
                continue
            try:
                found = _gaps_in(number, told.stanza)
            except AgentError:
                continue
            # At once: the next repository may be one that hangs.
            status.update(told.role, partial(_record, settings=told, repository=repository, found=found))
            self._looks[number] = _Look(time.monotonic(), mended)
        if status.read(told.role).get("archiveMendedAt"):
            status.update(told.role, self._end_failing)

    def _is_due(self, number: int, mended: str | None) -> bool:
        last = self._looks.get(number)
        return last is None or last.mended != (mended or last.mended) or time.monotonic() - last.at > EVERY_SECONDS

    def _end_failing(self, known: status.Status) -> None:
        """Once every repository was looked at since it was mended."""
        mended = known.get("archiveMendedAt")
        looks = [self._looks.get(one.number) for one in self._settings.repositories]
        if mended and all(look and look.mended == mended for look in looks):
            known.update(archiveFailing=False, archiveError=None, archiveFailingSince=None, archiveMendedAt=None)


def _gaps_in(number: int, stanza: str) -> list[dict[str, Any]]:
    history = repositories.history(number, stanza)
    if history is None:
        return []
    gaps = gaps_of(history, archive_of(number, stanza))
    return [
        {"repository": number, "from": gap.first.name, "to": gap.last.name, "foundAt": iso(time.time())} for gap in gaps
    ]


def _record(known: status.Status, settings: Settings, repository: Repository, found: list[dict[str, Any]]) -> None:
    """One that is known stays as it was found until the backups before it have expired; a new one wants a backup in its
    repository."""
    own = own_entry(known, settings, repository)
    before = {_identity(one): one for one in known.get("gaps", [])}
    others = [one for one in before.values() if one["repository"] != repository.number]
    known["gaps"] = others + [before.get(_identity(one), one) for one in found]
    if any(_identity(one) not in before for one in found):
        own["backupWanted"] = WANTED


def _identity(gap: dict[str, Any]) -> tuple[int, str, str]:
    return gap["repository"], gap["from"], gap["to"]
