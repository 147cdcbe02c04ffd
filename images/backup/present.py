"""What is known of the repositories that the environment has. Pure."""

from typing import Any

from settings import Settings

OF_REPOSITORIES = ("proofs", "gaps", "sizes")


def of(told: Settings, known: dict[str, Any]) -> dict[str, Any]:
    """One that it had says nothing any more: nobody could mend it. One that is new has nothing yet."""
    numbers = [one.number for one in told.repositories]
    entries = {str(number): known.get("repositories", {}).get(str(number), {}) for number in numbers}
    lists = {name: [one for one in known[name] if one["repository"] in numbers] for name in OF_REPOSITORIES if name in known}
    return {**known, "repositories": entries, **lists}
