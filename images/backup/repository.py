"""Calls pgBackRest, and reads what it says of a repository."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import process
from pgbackrest import CONFIGURATION, RESTORE_CONFIGURATION
from settings import AgentError

# Listing what a repository has: seconds for thousands of files in S3, so minutes are a repository that hangs.
LISTING_SECONDS = 600
# For one request of it, retries included; pgBackRest's minute makes several of a server that is away.
LISTING_PATIENCE = "--io-timeout=20"
# Of what pgBackRest says when it fails, what a person reads.
SAID_CHARACTERS = 1500

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Backup:
    """As `pgbackrest info` has it; times in seconds since 1970."""

    label: str
    type: str
    started: int
    ended: int
    wal_start: str
    wal_stop: str
    database_bytes: int
    repository_bytes: int
    error: bool


@dataclass(frozen=True)
class Stanza:
    """A history of the database in one repository."""

    name: str
    system_id: str | None
    # Of PostgreSQL, without the minor.
    version: str | None
    backups: list[Backup]

    @property
    def good(self) -> list[Backup]:
        """Oldest first. One with an error has pages whose checksum was wrong already in the database."""
        return [one for one in self.backups if not one.error]


def call(
    command: str,
    *options: str,
    seconds: float,
    stanza: str | None = None,
    repository: int | None = None,
    configuration: Path = CONFIGURATION,
    nice: int = 0,
    on_line: Progress | None = None,
) -> str:
    """What it printed. AgentError 'pgbackrest-failed' with its own words when it failed."""
    argv = ["pgbackrest", command, f"--config={configuration}"]
    argv += [f"--stanza={stanza}"] if stanza else []
    argv += [f"--repo={repository}"] if repository else []
    done = process.run([*argv, *options], seconds=seconds, nice=nice, on_line=on_line)
    if done.exit_code != 0:
        raise AgentError("pgbackrest-failed", f"pgbackrest {command}: {said(done.stdout + done.stderr)}")
    return done.stdout


def info(repository: int) -> tuple[list[Stanza], dict[str, AgentError]]:
    """All histories in a repository, and by name why others can't be read. A repository that can't be read is an error, not
    one without backups."""
    found: list[Stanza] = []
    unreadable: dict[str, AgentError] = {}
    for told in _told(repository):
        try:
            found.append(_stanza(told))
        except AgentError as error:
            unreadable[told["name"]] = error
    return found, unreadable


def history(repository: int, stanza: str) -> Stanza | None:
    """One of them, whatever the others are; None where the repository does not have it."""
    return next((_stanza(told) for told in _told(repository) if told["name"] == stanza), None)


def _told(repository: int) -> list[dict[str, Any]]:
    answer = call(
        "info", "--output=json", LISTING_PATIENCE, seconds=LISTING_SECONDS, repository=repository, configuration=RESTORE_CONFIGURATION
    )
    # Not strictly JSON: what it says of errors has line ends in it.
    found: list[dict[str, Any]] = json.loads(answer, strict=False)
    for told in found:
        # Without an answer of the repository there is no name of a history.
        if told["name"] == "[invalid]":
            raise AgentError("repository-unreachable", f"it can't be read: {_reason(told)}")
    return found


def listing(repository: int, folder: str) -> dict[str, dict[str, Any]]:
    """Files below a folder of the repository by their path in it, each with `size` and `time`."""
    answer = call(
        "repo-ls", "--recurse", "--output=json", LISTING_PATIENCE, folder,
        seconds=LISTING_SECONDS, repository=repository, configuration=RESTORE_CONFIGURATION,
    )  # fmt: skip
    return {path: told for path, told in json.loads(answer).items() if told["type"] == "file"}


def said(output: str) -> str:
    """What pgBackRest complains of, without its times and process numbers; the end of it all when it is no complaint."""
    lines = [re.sub(r"^\d{4}-\d\d-\d\d [\d:.]+ P\d\d +", "", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    first = next((index for index, line in enumerate(lines) if line.startswith(("WARN", "ERROR"))), max(0, len(lines) - 5))
    return " / ".join(lines[first:])[:SAID_CHARACTERS] or "it said nothing"


def _stanza(told: dict[str, Any]) -> Stanza:
    status = told["status"]
    # 0: well; 1: no such stanza; 2: no backup yet; 3: no WAL yet (from pgBackRest's info.c).
    if status["code"] not in (0, 1, 2, 3):
        raise AgentError("repository-unreachable", f"history {told['name']} can't be read: {_reason(told)}")
    systems = told.get("db", [])
    return Stanza(
        name=told["name"],
        system_id=str(systems[-1]["system-id"]) if systems else None,
        version=systems[-1]["version"] if systems else None,
        backups=sorted((_backup(one) for one in told.get("backup", [])), key=lambda one: one.ended),
    )


def _reason(told: dict[str, Any]) -> str:
    reasons = [one["status"]["message"] for one in told.get("repo", [])]
    text = "\n".join([*reasons, told["status"]["message"]])
    if "\ufffd" in text or "unable to flush" in text:
        return "it was encrypted with another passphrase than the secret backup-cipher, or its files are damaged"
    return said(text)


def _backup(told: dict[str, Any]) -> Backup:
    return Backup(
        label=told["label"],
        type=told["type"],
        started=told["timestamp"]["start"],
        ended=told["timestamp"]["stop"],
        wal_start=told["archive"]["start"],
        wal_stop=told["archive"]["stop"],
        database_bytes=told["info"]["size"],
        repository_bytes=told["info"]["repository"]["delta"],
        error=bool(told.get("error")),
    )
