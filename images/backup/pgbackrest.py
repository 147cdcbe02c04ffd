"""The configuration of pgBackRest: where the repositories are, and which members have the database."""

import os
from pathlib import Path
from typing import Any

from settings import DATABASE, RUN, AgentError, Repository, Settings, secret, secret_path

PORT = 8432
# The folder of a member's data as the member sees it, and where its Postgres listens.
MEMBER_DATA = "/var/lib/postgresql/data"
MEMBER_RUN = "/run/postgresql"
CONFIGURATION = RUN / "pgbackrest.conf"
# Without members: a restore writes into a folder of this container, with the repositories reached directly.
RESTORE_CONFIGURATION = RUN / "pgbackrest-restore.conf"
KEY = RUN / "server.key"

# How long a backup waits for its own WAL: while another repository is away, it comes in batches minutes apart.
WAL_SECONDS = 600


def write_configuration(settings: Settings) -> None:
    RUN.mkdir(exist_ok=True)
    key = secret("database-key")
    if key is not None:
        _write(KEY, key + "\n")
    _write(CONFIGURATION, _text(settings, settings.repositories, with_members=True))
    _write(RESTORE_CONFIGURATION, _text(settings, settings.repositories, with_members=False))
    for repository in settings.repositories:
        _write(own_configuration(repository.number), _text(settings, [repository], with_members=True))


def own_configuration(number: int) -> Path:
    """With one repository alone: `stanza-create` knows no `--repo` and stops at the first that it can't reach."""
    return RUN / f"pgbackrest-{number}.conf"


def server_argv() -> list[str]:
    return ["pgbackrest", f"--config={CONFIGURATION}", "server"]


def _text(settings: Settings, repositories: list[Repository], *, with_members: bool) -> str:
    # On tmpfs, as the root is read-only; the logs are what is printed.
    lines = ["[global]", "log-level-console=warn", "log-level-file=off", f"log-path={RUN}", f"lock-path={RUN}/pgbackrest"]
    lines += ["process-max=2", "compress-type=zst", "start-fast=y"]
    for repository in repositories:
        lines += [f"repo{repository.number}-{option}" for option in _repository(settings, repository)]
    if with_members:
        lines += [f"tls-server-{option}" for option in ("address=*", f"port={PORT}", "auth=database=*", *_identity())]
        # Expiring is a step of its own, which a clock that jumped forbids.
        lines += ["[global:backup]", "expire-auto=n", f"archive-timeout={WAL_SECONDS}"]
    if with_members and settings.stanza:
        lines += [f"[{settings.stanza}]"]
        for number, member in enumerate(settings.members, 1):
            lines += [f"pg{number}-{option}" for option in _member(settings, member)]
    return "\n".join(lines) + "\n"


def _identity() -> list[str]:
    ca, certificate = secret_path("database-ca"), secret_path("database-cert")
    return [f"ca-file={ca}", f"cert-file={certificate}", f"key-file={KEY}"]


def _member(settings: Settings, member: str) -> list[str]:
    host = [f"host={member}", "host-type=tls", f"host-port={PORT}", f"host-config={MEMBER_RUN}/pgbackrest.conf"]
    own = [f"path={MEMBER_DATA}/{settings.version}", f"socket-path={MEMBER_RUN}", "user=backup"]
    return [*host, *(f"host-{option}" for option in _identity()), *own]


def _repository(settings: Settings, repository: Repository) -> list[str]:
    kinds = {"local": _local, "s3": _s3, "sftp": _sftp}
    # Weekly fulls are kept as long as a restore to any time of the last days needs them.
    kept = ["retention-full-type=time", f"retention-full={settings.keep_days}", "bundle=y", "block=y"]
    return [*kinds[repository.kind](settings, repository.options), *_cipher(settings), *kept]


def _cipher(settings: Settings) -> list[str]:
    return ["cipher-type=aes-256-cbc", f"cipher-pass={_needed('backup-cipher')}"] if settings.encrypt else []


def _local(_settings: Settings, _options: dict[str, Any]) -> list[str]:
    return ["type=posix", f"path={DATABASE}/repository"]


def _s3(settings: Settings, options: dict[str, Any]) -> list[str]:
    authority = secret_path("s3-ca")
    return [
        "type=s3",
        f"path={_remote_path(settings, options.get('prefix', ''))}",
        f"s3-endpoint={options['endpoint']}",
        f"s3-bucket={options['bucket']}",
        f"s3-region={options['region']}",
        # Names of buckets in the host's name need a certificate for each; other servers than Amazon's have none.
        "s3-uri-style=path",
        f"s3-key={_needed('s3-key-id')}",
        f"s3-key-secret={_needed('s3-key-secret')}",
        *([f"storage-ca-file={authority}"] if authority.exists() else []),
    ]


def _sftp(settings: Settings, options: dict[str, Any]) -> list[str]:
    return [
        "type=sftp",
        f"path={_remote_path(settings, options['path'])}",
        f"sftp-host={options['host']}",
        f"sftp-host-port={options.get('port', 22)}",
        f"sftp-host-user={options['user']}",
        f"sftp-private-key-file={secret_path('sftp-key')}",
        f"sftp-known-host={secret_path('sftp-known-hosts')}",
        "sftp-host-key-check-type=strict",
        "sftp-host-key-hash-type=sha256",
    ]


def _remote_path(settings: Settings, prefix: str) -> str:
    parts = [part for part in prefix.split("/") if part]
    return "/" + "/".join([*parts, settings.project, settings.id, "database"])


def _needed(name: str) -> str:
    value = secret(name)
    if value is None:
        raise AgentError("secret-missing", f"the secret {name} is not there, and a repository needs it")
    return value


def _write(path: Path, text: str) -> None:
    """Whole or not at all: the server reads it at every connection. For its owner alone: it has keys in it."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.rename(path)
