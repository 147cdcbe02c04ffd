"""How restic is called: where a repository is, what it needs to get there, and what its answers mean."""

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

import lock
import process
import settings
from settings import AgentError, Repository, Settings

# restic's own, from 0.17 on: https://restic.readthedocs.io/en/stable/075_scripting.html
INCOMPLETE, NO_REPOSITORY, LOCKED, WRONG_PASSWORD = 3, 10, 11, 12

# For questions that read a few small files. restic itself retries a backend for 15 minutes.
ASK_SECONDS = 120
# A lock of another restic may end soon. Well within `ASK_SECONDS`, or what is said is that restic hangs, and not the lock.
RETRY_LOCK = "30s"


def run(
    told: Settings,
    repository: Repository,
    arguments: Sequence[str],
    *,
    seconds: float,
    also: Sequence[int] = (),
    on_message: Callable[[dict[str, Any]], None] | None = None,
    nice: int = 0,
    retry_lock: str | None = None,
) -> list[dict[str, Any]]:
    """The messages of restic; AgentError unless its exit code is 0 or one of `also`. With `on_message` only the last are kept."""

    def message(line: str) -> None:
        for one in _messages(line):
            on_message(one)

    done = process.run(
        ["restic", "--json", "--retry-lock", retry_lock or RETRY_LOCK, *_options(repository), *arguments],
        seconds=seconds,
        env=_environment(told, repository),
        on_line=message if on_message else None,
        keep_lines=100 if on_message else None,
        nice=nice,
        pass_fds=lock.held(),
    )
    if done.exit_code not in (0, *also):
        raise _refusal(repository, done)
    return list(_messages(done.stdout))


def time_option(moment: datetime) -> str:
    """As `--time` reads it: in the zone of its environment, which is UTC here."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def free(told: Settings, repository: Repository) -> None:
    """For whoever holds our lock, under which alone `tag`, `forget` and `prune` run and which they hold too: an exclusive lock that
    is there all the same was left by one that was killed. restic would believe one of another container, which has another name,
    for half an hour, and answer nothing meanwhile. No other lock can be taken beside it, so that all may go."""
    try:
        run(told, repository, ["cat", "config"], seconds=ASK_SECONDS, retry_lock="0s")
    except AgentError as error:
        if error.code != "repository-locked":
            raise
        run(told, repository, ["unlock", "--remove-all"], seconds=ASK_SECONDS)


def make_if_missing(told: Settings, repository: Repository) -> bool:
    """As `free`; True when it was made now."""
    try:
        free(told, repository)
        return False
    except AgentError as error:
        if error.code != "no-repository":
            raise
    run(told, repository, ["init"], seconds=ASK_SECONDS)
    return True


def named(repository: Repository) -> str:
    return f"repository {repository.number} ({repository.kind})"


def location(told: Settings, repository: Repository) -> str:
    """The id in it keeps a second environment of the same name away from the first one's backups."""
    options, below = repository.options, f"{told.project}/{told.id}/files"
    if repository.kind == "local":
        return str(settings.FILES / "repository")
    if repository.kind == "s3":
        prefix = options.get("prefix", "").strip("/")
        path = "/".join(part for part in (options["bucket"], prefix, below) if part)
        return f"s3:https://{options['endpoint']}/{path}"
    # After the host's slash a path is relative to the user's home: an absolute one has two.
    path = f"{options['path'].rstrip('/')}/{below}"
    return f"sftp://{options['user']}@{options['host']}:{options.get('port', 22)}/{path}"


def _options(repository: Repository) -> list[str]:
    if repository.kind == "s3":
        authority = settings.secret_path("s3-ca")
        region = repository.options.get("region")
        return [
            *("-o", "s3.bucket-lookup=path"),
            *(("-o", f"s3.region={region}") if region else ()),
            *(("--cacert", str(authority)) if authority.exists() else ()),
        ]
    if repository.kind == "sftp":
        return ["-o", f"sftp.args={_ssh()}"]
    return []


def _ssh() -> str:
    key = settings.private_copy("sftp-key")
    hosts = settings.secret_path("sftp-known-hosts")
    wanted = (f"UserKnownHostsFile={hosts}", "StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes")
    # `-F none`: what the image has of its own must not matter.
    return f"-F none -i {key} " + " ".join(f"-o {one}" for one in (*wanted, "ConnectTimeout=20", "ServerAliveInterval=15"))


def _environment(told: Settings, repository: Repository) -> dict[str, str]:
    work = settings.FILES / "work"
    work.mkdir(mode=0o700, exist_ok=True)
    environment = {
        "RESTIC_REPOSITORY": location(told, repository),
        "RESTIC_PASSWORD_FILE": str(settings.secret_path("backup-files-password")),
        "RESTIC_CACHE_DIR": str(settings.FILES / "cache"),
        # A line of progress each ten seconds; restic's default is 60 a second for who reads JSON.
        "RESTIC_PROGRESS_FPS": "0.1",
        # restic puts its packs together there; /tmp is memory.
        "TMPDIR": str(work),
        "HOME": os.environ.get("HOME", "/root"),
        "TZ": "UTC",
    }
    if repository.kind == "s3":
        environment["AWS_ACCESS_KEY_ID"] = settings.secret("s3-key-id") or ""
        environment["AWS_SECRET_ACCESS_KEY"] = settings.secret("s3-key-secret") or ""
    return environment


def _refusal(repository: Repository, done: process.Completed) -> AgentError:
    where = named(repository)
    said = " / ".join(_complaints(done.stderr) or _complaints(done.stdout)) or f"exit code {done.exit_code}"
    if done.exit_code == NO_REPOSITORY:
        return AgentError("no-repository", f"{where} holds no backups yet")
    if done.exit_code == LOCKED:
        return AgentError("repository-locked", f"{where} is locked by another restic: {said}")
    if done.exit_code == WRONG_PASSWORD:
        return AgentError(
            "wrong-password", f"{where} was made with another password than the secret backup-files-password"
        )
    return AgentError("repository-failed", f"{where}: {said}")


def _complaints(text: str) -> list[str]:
    """The last lines, in words: restic writes its fatal errors as JSON, those of its backends as plain lines."""
    found = []
    for line in text.splitlines()[-5:]:
        for one in _messages(line) or [{"message": line}]:
            said = one.get("message") or one.get("error", {}).get("message")
            found.extend(said.splitlines() if said else ())
    return [line for line in found if line.strip()]


def _messages(text: str) -> list[dict[str, Any]]:
    """One a line, or an array of them in one line; what isn't JSON is skipped."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        found.extend(one for one in (answer if isinstance(answer, list) else [answer]) if isinstance(one, dict))
    return found
