"""What drills showed, as the status keeps it. Pure."""

from typing import Any

Proof = dict[str, Any]


def rto_seconds(proof: Proof) -> float | None:
    """For how long a real restore would take: it checks what answers before it gives it back. Proofs of before checks were
    timed have no time of them."""
    if proof.get("seconds") is None:
        return None
    return round(proof["seconds"] + (proof.get("checkSeconds") or 0), 1)
