"""The snapshots of the repositories: listed, and one chosen."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import moments
import restic
from lock import one_at_a_time
from settings import AgentError, Repository, Settings

Progress = Callable[[str], None]

# Of a snapshot that lacks files. restic says so once, when it is taken.
INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Snapshot:
    id: str
    at: datetime
    host: str
    kind: str
    name: str | None
    repository: int
    bytes: int
    files: int
    # Files of its source could not be read.
    incomplete: bool

    def fields(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "at": moments.text(self.at),
            "kind": self.kind,
            "name": self.name,
            "repository": self.repository,
            "bytes": self.bytes,
            "files": self.files,
            "incomplete": self.incomplete,
        }


def of(told: Settings, repository: Repository) -> list[Snapshot]:
    """Oldest first."""
    try:
        found = _listed(told, repository)
    except AgentError as error:
        if error.code != "repository-locked":
            raise
        _free(told, repository)
        # Whoever has it now has it by right, and was waited for.
        found = _listed(told, repository, retry_lock="0s")
    return sorted((_snapshot(repository, one) for one in found if "id" in one), key=lambda one: one.at)


def choose(told: Settings, arguments: Namespace, kind: str, progress: Progress) -> tuple[Repository, Snapshot]:
    """The newest that fits, wherever it is: a repository may have missed runs. Of one run a whole one, and of such the first
    repository's, which is on this machine. Those that can't be asked are named and passed over."""
    hits, problems, asked = [], [], True
    for repository in of_numbers(told, [arguments.repo] if arguments.repo else None):
        try:
            found = [(repository, one) for one in _fitting(of(told, repository), arguments, kind)]
        except AgentError as error:
            # One that was never made has been asked.
            asked = asked and error.code == "no-repository"
            problems.append(error.message)
            progress(error.message)
            continue
        if not found:
            problems.append(f"{restic.named(repository)} has none")
            continue
        hits.extend(found)
        if arguments.snapshot:
            break
    if not hits:
        code = "no-snapshot" if asked else "repository-unreachable"
        raise AgentError(code, f"no snapshot was found: {'; '.join(problems)}", "horme backup list")
    repository, chosen = max(hits, key=lambda hit: (hit[1].at, not hit[1].incomplete))
    if chosen.incomplete:
        # A file that is lost for good is in no newer one: what was written since must not be lost for it.
        progress(_lacking(chosen, best([one for _, one in hits])))
    return repository, chosen


def expired(found: Sequence[Snapshot], since: datetime) -> list[Snapshot]:
    """Of `found`, oldest first, those that no moment from `since` on needs. Of each source the newest from before is needed, and the
    newest whole one, so the last one stays also of what is backed up no more."""
    before: dict[tuple[str, str | None], list[Snapshot]] = {}
    for one in found:
        if one.at <= since:
            before.setdefault((one.kind, one.name), []).append(one)
    return [one for of_source in before.values() for one in of_source[:-1] if one is not best(of_source)]


def best(found: Sequence[Snapshot]) -> Snapshot:
    """Of at least one: the newest whole one, else the newest."""
    return max(found, key=lambda one: (not one.incomplete, one.at))


def _lacking(chosen: Snapshot, whole: Snapshot) -> str:
    what = f"snapshot {chosen.id[:8]} of {moments.text(chosen.at)} lacks files that could not be read when it was taken"
    return what if whole.incomplete else f"{what}; the newest whole one is {whole.id[:8]} of {moments.text(whole.at)}"


def of_numbers(told: Settings, numbers: list[int] | None) -> list[Repository]:
    """All, without numbers."""
    chosen = [one for one in told.repositories if numbers is None or one.number in numbers]
    if not chosen:
        have = ", ".join(str(one.number) for one in told.repositories)
        raise AgentError("no-such-repository", f"there is no such repository; there are: {have or 'none'}")
    return chosen


def _listed(told: Settings, repository: Repository, retry_lock: str | None = None) -> list[dict[str, Any]]:
    return restic.run(told, repository, ["snapshots"], seconds=restic.ASK_SECONDS, retry_lock=retry_lock)


def _free(told: Settings, repository: Repository) -> None:
    """For a restore or a list, which don't wait for our lock. Who has it may have restic's by right, or work for hours at the
    database: what goes then is what restic itself takes for dead, by its process or by half an hour without a sign of life."""
    try:
        with one_at_a_time(0):
            restic.free(told, repository)
    except AgentError as error:
        if error.code != "busy":
            raise
        restic.run(told, repository, ["unlock"], seconds=restic.ASK_SECONDS)


def _fitting(found: list[Snapshot], arguments: Namespace, kind: str) -> list[Snapshot]:
    of_source = [one for one in found if one.kind == kind and one.name == arguments.name]
    if arguments.snapshot:
        of_source = [one for one in of_source if one.id.startswith(arguments.snapshot)]
    elif arguments.at:
        of_source = [one for one in of_source if one.at <= moments.parse(arguments.at)]
    return of_source


def _snapshot(repository: Repository, told: dict[str, Any]) -> Snapshot:
    tags = dict(tag.partition("=")[::2] for tag in told.get("tags") or [])
    summary = told.get("summary") or {}
    return Snapshot(
        id=told["id"],
        at=moments.parse(told["time"]),
        host=told.get("hostname", ""),
        kind=tags.get("kind", ""),
        name=tags.get("name"),
        repository=repository.number,
        bytes=summary.get("total_bytes_processed", 0),
        files=summary.get("total_files_processed", 0),
        incomplete=INCOMPLETE in tags,
    )
