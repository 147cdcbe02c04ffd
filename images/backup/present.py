"""What is known of what there is now. Pure."""

from typing import Any

import clock
import moments
from clock import Reading
from settings import Settings

# What `archiver` noted of its last look, or of its begin. A look at a database that answers slowly takes 105 s at worst.
LOOKED = "archiveLook"
LOOK_LIMIT_SECONDS = 120
OF_REPOSITORIES = ("proofs", "gaps", "sizes")


def of(told: Settings, known: dict[str, Any]) -> dict[str, Any]:
    """Of the repositories of the environment. One that it had says nothing any more: nobody could mend it. One that is new has
    nothing yet."""
    numbers = [one.number for one in told.repositories]
    entries = {str(number): known.get("repositories", {}).get(str(number), {}) for number in numbers}
    lists = {name: [one for one in known[name] if one["repository"] in numbers] for name in OF_REPOSITORIES if name in known}
    return {**known, "repositories": entries, **lists}


def archiving(known: dict[str, Any], now: Reading) -> dict[str, Any]:
    """A database that hangs answers no look, nor refuses it: what the last one saw says nothing any more. `now` is `clock.awake`:
    a machine that was suspended has not looked meanwhile, and hangs no more than before."""
    look = clock.remembered(known, LOOKED)
    if look is None or look.boot != now.boot or now.steady - look.steady <= LOOK_LIMIT_SECONDS:
        return known
    since = moments.text(look.wall)
    failing = {"archiveFailing": True, "archiveError": f"the database has not answered since {since}"}
    return {**known, **failing, "archiveFailingSince": known.get("archiveFailingSince") or since}
