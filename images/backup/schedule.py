"""Cron with five numeric fields, in UTC. Pure: no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

# minute, hour, day of month, month, day of week (0 and 7 are Sunday): crontab(5).
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = ("minute", "hour", "day of month", "month", "day of week")
# The longest that a day can be away: 29 February, across a year like 2100 that has none.
FURTHEST_DAYS = 8 * 366
EVER = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    # crontab(5): when both day fields are restricted, a day that fits either counts.
    either_day: bool


def parse(text: str) -> Cron:
    """ValueError when it isn't five numeric fields."""
    fields = text.split()
    if len(fields) != len(RANGES):
        raise ValueError(f"'{text}' has {len(fields)} fields; a schedule has five: {', '.join(NAMES)}")
    minutes, hours, days, months, weekdays = (
        _field(field, *limits, name) for field, limits, name in zip(fields, RANGES, NAMES)
    )
    restricted = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), restricted)


def interval(cron: Cron, now: datetime) -> timedelta | None:
    """The longest time between two slots around `now`: that which it lies in, or the one before, whose work may just be
    running. None for a schedule that never comes."""
    newest, following = last_slot(cron, EVER, now), next_slot(cron, now)
    before = last_slot(cron, EVER, newest - timedelta(minutes=1)) if newest else None
    if not (before and newest and following):
        return None
    return max(newest - before, following - newest)


def last_slot(cron: Cron, after: datetime, until: datetime) -> datetime | None:
    """The newest slot in (after, until]; None when there is none."""
    until = until.astimezone(timezone.utc)
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(FURTHEST_DAYS + 1):
        day = midnight - timedelta(days=back)
        if day + timedelta(days=1) <= after:
            return None
        slot = _last_of_day(cron, day, until) if _fits(cron, day) else None
        if slot is not None:
            return slot if slot > after else None
    return None


def next_slot(cron: Cron, after: datetime) -> datetime | None:
    """The oldest slot after `after`; None when there is none."""
    after = after.astimezone(timezone.utc)
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for ahead in range(FURTHEST_DAYS + 1):
        day = midnight + timedelta(days=ahead)
        slot = _first_of_day(cron, day, after) if _fits(cron, day) else None
        if slot is not None:
            return slot
    return None


def _first_of_day(cron: Cron, day: datetime, after: datetime) -> datetime | None:
    for hour in sorted(cron.hours):
        for minute in sorted(cron.minutes):
            slot = day.replace(hour=hour, minute=minute)
            if slot > after:
                return slot
    return None


def _last_of_day(cron: Cron, day: datetime, until: datetime) -> datetime | None:
    for hour in sorted(cron.hours, reverse=True):
        for minute in sorted(cron.minutes, reverse=True):
            slot = day.replace(hour=hour, minute=minute)
            if slot <= until:
                return slot
    return None


def _fits(cron: Cron, day: datetime) -> bool:
    if day.month not in cron.months:
        return False
    in_month = day.day in cron.days
    in_week = day.isoweekday() % 7 in cron.weekdays
    return in_month or in_week if cron.either_day else in_month and in_week


def _field(text: str, least: int, most: int, name: str) -> frozenset[int]:
    return frozenset(number for part in text.split(",") for number in _part(part, least, most, name))


def _part(text: str, least: int, most: int, name: str) -> range:
    span, _, step = text.partition("/")
    low, _, high = span.partition("-")
    try:
        start = least if span == "*" else int(low)
        # `5/10` counts from 5 to the end, as cron does.
        end = int(high) if high else most if span == "*" or step else start
        every = int(step) if step else 1
    except ValueError:
        raise ValueError(f"'{text}' is no {name}: numbers, '*', '-', ',' and '/' only") from None
    if not (least <= start <= end <= most and every >= 1):
        raise ValueError(f"'{text}' is no {name}: it goes from {least} to {most}")
    return range(start, end + 1, every)
