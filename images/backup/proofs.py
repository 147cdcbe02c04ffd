"""What drills showed, as the status keeps it. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from settings import AgentError

Proof = dict[str, Any]

# Of each repository: a failure in one is not pushed out by drills of another.
KEPT = 100


@contextmanager
def noting(problems: list[str], what: str = "") -> Iterator[None]:
    """What can't be looked at is a problem, and doesn't keep the rest from being looked at."""
    try:
        yield
    except AgentError as error:
        if error.code == "stopped":
            raise
        problems.append(f"{what}{error.message}")


def add(known: dict[str, Any], proof: Proof) -> None:
    """Edits a status."""
    before = known.get("proofs", [])
    others = [one for one in before if one["repository"] != proof["repository"]]
    own = [one for one in before if one["repository"] == proof["repository"]]
    known["proofs"] = [*others, *[*own, proof][-KEPT:]]


def newest(known: dict[str, Any], stanza: str | None) -> dict[int, Proof]:
    """By repository, in one history: what was proven before a restore says nothing of what came after it. Files have none."""
    return {one["repository"]: one for one in known.get("proofs", []) if one.get("stanza") == stanza}


def rto_seconds(proof: Proof) -> float | None:
    """For how long a real restore would take: it checks what answers before it gives it back. Proofs of before checks were
    timed have no time of them."""
    if proof.get("seconds") is None:
        return None
    return round(proof["seconds"] + (proof.get("checkSeconds") or 0), 1)
