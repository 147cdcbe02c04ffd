"""The status as Prometheus reads it: https://prometheus.io/docs/instrumenting/exposition_formats/. Pure. The names are a
contract with the alerts."""

from datetime import timedelta
from typing import Any

import moments
import present
import proofs
from clock import Reading
from settings import Settings

# The newest size is compared with the mean of those before it in this time.
SIZES_TIME = timedelta(days=7)

# Each with the field of a repository's status that it tells.
OF_REPOSITORY = (
    ("horme_backup_last_success_timestamp_seconds", "lastBackupAt", "When the newest good backup ended."),
    ("horme_backup_last_failure_timestamp_seconds", "lastFailureAt", "When a backup last failed."),
    ("horme_backup_last_duration_seconds", "lastBackupSeconds", "How long the last backup took."),
    ("horme_backup_size_bytes", "lastBackupBytes", "How much the newest good backup holds."),
)
OF_DATABASE = (
    ("horme_backup_archive_failing", "archiveFailing", "1 when WAL does not arrive in the repositories."),
    ("horme_backup_archive_oldest_ready_seconds", "oldestReadySeconds", "For how long the oldest WAL file waits."),
    ("horme_backup_wal_bytes", "walBytes", "Size of the WAL that the database holds."),
)
OF_PROOF = (
    ("horme_backup_last_proof_timestamp_seconds", "at", "When a restore was last tried."),
    ("horme_backup_last_proof_ok", "ok", "1 when it went well."),
)
# What a drill of the database measures.
OF_MEASURED = (
    ("horme_backup_rpo_seconds", "newestTransactionAgeSeconds", "Age of the newest transaction in the last drill."),
    ("horme_backup_rto_seconds", "rtoSeconds", "How long a restore takes: restore, replay and checks of the last drill."),
    ("horme_backup_restore_seconds_per_gibibyte", "secondsPerGibibyte", "The same for each GiB of data."),
)


def render(told: Settings, status: dict[str, Any], now: Reading) -> str:
    role, status = told.role, present.archiving(present.of(told, status), now)
    parts = [*_of_repositories(role, status), _clock_jumped(role, status), *_of_proofs(role, status)]
    if role == "database":
        parts += _of_archive(status)
    return "".join(parts)


def _of_repositories(role: str, status: dict[str, Any]) -> list[str]:
    repositories = status["repositories"]
    labels = {
        number: {"role": role, "repository": number, "kind": one.get("kind", "")} for number, one in repositories.items()
    }
    families = [
        _family(name, help, [(labels[number], _number(repositories[number].get(field))) for number in labels])
        for name, field, help in OF_REPOSITORY
    ]
    ratios = [(labels[number], size_ratio(status.get("sizes", []), int(number))) for number in labels]
    return [*families, _family("horme_backup_size_ratio", "Newest size by the mean of the week before.", ratios)]


def size_ratio(sizes: list[dict[str, Any]], repository: int) -> float | None:
    """None while there is nothing to compare with."""
    own = [(moments.parse(one["at"]), one["bytes"]) for one in sizes if one["repository"] == repository]
    if not own:
        return None
    at, newest = own[-1]
    before = [size for when, size in own[:-1] if when > at - SIZES_TIME]
    mean = sum(before) / len(before) if before else 0
    return newest / mean if mean else None


def _of_proofs(role: str, status: dict[str, Any]) -> list[str]:
    newest = sorted(proofs.newest(status, status.get("stanza")).items())
    told = [
        ({"role": role, "repository": str(number)}, {**proof, "rtoSeconds": proofs.rto_seconds(proof)})
        for number, proof in newest
    ]
    return [
        _family(name, help, [(labels, _number(proof.get(field))) for labels, proof in told])
        for name, field, help in (*OF_PROOF, *(OF_MEASURED if role == "database" else ()))
    ]


def _of_archive(status: dict[str, Any]) -> list[str]:
    return [
        *(_family(name, help, [({}, _number(status.get(field)))]) for name, field, help in OF_DATABASE),
        _family("horme_backup_archive_gaps", "Holes in the archived WAL that no later backup covers.", [({}, _gaps(status))]),
    ]


def _gaps(status: dict[str, Any]) -> float | None:
    """None before the first look."""
    if "gaps" not in status:
        return None
    repositories = status["repositories"]
    return float(sum(not _is_covered(gap, repositories[str(gap["repository"])]) for gap in status["gaps"]))


def _is_covered(gap: dict[str, Any], repository: dict[str, Any]) -> bool:
    """By a backup that ended since the gap was found: pgBackRest saw all WAL of it from begin to end, so that the gap lies
    before. An error that is no later failure is that it has damaged pages, and then it covers nothing."""
    ended, failed = repository.get("lastBackupAt"), repository.get("lastFailureAt")
    damaged = repository.get("lastError") and not (failed and ended and moments.parse(failed) > moments.parse(ended))
    return bool(ended) and not damaged and moments.parse(ended) > moments.parse(gap["foundAt"])


def _clock_jumped(role: str, status: dict[str, Any]) -> str:
    jumped = _number(bool(status.get("clockJumped")))
    return _family("horme_backup_clock_jumped", "1 while nothing is expired for it.", [({"role": role}, jumped)])


def _family(name: str, help: str, samples: list[tuple[dict[str, str], float | None]]) -> str:
    """Nothing at all without a value: an invented 0 would be taken for one."""
    lines = [f"{name}{_labels(labels)} {value!r}\n" for labels, value in samples if value is not None]
    return "".join([f"# HELP {name} {help}\n# TYPE {name} gauge\n", *lines]) if lines else ""


def _labels(labels: dict[str, str]) -> str:
    # Values are numbers and the agent's own words: none needs escaping.
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return moments.parse(value).timestamp()
    return None if value is None else float(value)
