"""Points in time as text: ISO 8601 in UTC with Z, the only form that leaves the agent."""

import re
from datetime import datetime, timezone


def now() -> datetime:
    return datetime.now(timezone.utc)


def text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse(written: str) -> datetime:
    """ValueError when it is none. Without a zone it is UTC. restic writes nanoseconds, which Python does not read."""
    shorter = re.sub(r"(\.\d{6})\d+", r"\1", written.strip())
    moment = datetime.fromisoformat(shorter)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
