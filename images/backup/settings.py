"""What the container is told: one JSON text in the environment, and secrets as files. Parsed once, here."""

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN = Path("/run/horme")
SECRETS = Path("/run/secrets")
DATABASE = Path("/var/lib/horme-backup/database")
FILES = Path("/var/lib/horme-backup/files")
LOCK_FILE = Path("/var/lib/horme-backup/lock/lock")
SCRATCH = Path("/var/lib/horme-backup/scratch")
MEMBERS = Path("/members")
SOURCES = Path("/sources")
TARGETS = Path("/targets")

ROLES = ("database", "files")
KINDS = ("local", "s3", "sftp")


class AgentError(Exception):
    """What a user can mend: a stable code, what happened, and what to type next. All other exceptions are bugs."""

    def __init__(self, code: str, message: str, next: str | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.next = next


@dataclass(frozen=True)
class Repository:
    """Where backups are kept. `number` counts from 1: pgBackRest's repoN."""

    number: int
    kind: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Settings:
    project: str
    id: str
    stanza: str | None
    version: int
    members: list[str]
    database_name: str
    encrypt: bool
    keep_days: int
    schedule: str
    drill_schedule: str
    repositories: list[Repository]
    volumes: list[str]
    cache: bool
    assertions: list[dict[str, Any]]
    role: str


def folder_of(role: str) -> Path:
    """The role's own volume: its local repository and its status."""
    return DATABASE if role == "database" else FILES


def load() -> Settings:
    role = os.environ.get("HORME_BACKUP_ROLE", "")
    if role not in ROLES:
        raise AgentError("settings-invalid", f"HORME_BACKUP_ROLE is '{role}'; it must be one of {', '.join(ROLES)}")
    try:
        return _settings(json.loads(os.environ["HORME_BACKUP"]), role)
    except (KeyError, ValueError, TypeError) as error:
        raise AgentError("settings-invalid", f"HORME_BACKUP can't be read: {error!r}") from error


def secret_path(name: str) -> Path:
    return SECRETS / name


def secret(name: str) -> str | None:
    """None when the secret is not there: which ones are depends on the repositories."""
    try:
        return secret_path(name).read_text().strip()
    except FileNotFoundError:
        return None


def private_copy(name: str) -> Path:
    """ssh, pgBackRest and Postgres refuse a key that others may read, and a secret's file is readable by its group."""
    copy = RUN / name
    content = secret_path(name).read_bytes()
    # ssh wants the last line of a key to end.
    content = content if content.endswith(b"\n") else content + b"\n"
    temporary = copy.with_name(f"{name}.{os.getpid()}.{threading.get_ident()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.rename(copy)
    return copy


def _settings(told: dict[str, Any], role: str) -> Settings:
    return Settings(
        project=told["project"],
        id=told["id"],
        stanza=told.get("stanza"),
        version=int(told["version"]),
        members=list(told["members"]),
        database_name=told["databaseName"],
        encrypt=bool(told["encrypt"]),
        keep_days=int(told["keepDays"]),
        schedule=told["schedule"],
        drill_schedule=told["drillSchedule"],
        repositories=[_repository(index + 1, one) for index, one in enumerate(told["repositories"])],
        volumes=list(told["volumes"]),
        cache=bool(told["cache"]),
        assertions=list(told["assertions"]),
        role=role,
    )


def _repository(number: int, told: dict[str, Any]) -> Repository:
    kind = told["kind"]
    if kind not in KINDS:
        raise ValueError(f"repository {number} is of the unknown kind '{kind}'")
    return Repository(number, kind, {name: value for name, value in told.items() if name != "kind"})
