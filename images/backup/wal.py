"""Names of WAL files, and what is missing between them. Pure.

A name has three numbers of eight hexadecimal digits: timeline, and two that count on together."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

# initdb's default, which the platform's clusters have; a "log" of 4 GiB has 256 of them.
SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENTS_PER_LOG = 256

# In a repository: 17-1/0000000100000000/000000010000000000000003-<checksum>.zst
_ARCHIVED = re.compile(r"(?:^|/)(\d+-\d+)/[0-9A-F]{16}/([0-9A-F]{24})-[0-9a-f]{40}(?:\.\w+)?$")


@dataclass(frozen=True, order=True)
class Segment:
    timeline: int
    position: int

    @property
    def name(self) -> str:
        log, number = divmod(self.position, SEGMENTS_PER_LOG)
        return f"{self.timeline:08X}{log:08X}{number:08X}"

    @property
    def next(self) -> "Segment":
        return Segment(self.timeline, self.position + 1)

    @property
    def previous(self) -> "Segment":
        return Segment(self.timeline, self.position - 1)


@dataclass(frozen=True)
class Gap:
    """What is missing, both ends included."""

    first: Segment
    last: Segment

    def __str__(self) -> str:
        return self.first.name if self.first == self.last else f"{self.first.name} to {self.last.name}"


def parse(name: str) -> Segment:
    return Segment(int(name[:8], 16), int(name[8:16], 16) * SEGMENTS_PER_LOG + int(name[16:24], 16))


def archived(paths: Iterable[str]) -> dict[Segment, str]:
    """The segments of a listing, each with its path. A repository has one folder a system; the newest counts."""
    found: dict[str, dict[Segment, str]] = defaultdict(dict)
    for path in paths:
        if match := _ARCHIVED.search(path):
            found[match[1]][parse(match[2])] = path
    newest = max(found, key=lambda system: int(system.split("-")[1]), default=None)
    return found[newest] if newest else {}


def gaps(segments: Iterable[Segment], start: Segment) -> list[Gap]:
    """Holes from `start` on: within a timeline, and between one and the next, which begins in the middle of a segment of
    its parent or right behind it."""
    found: list[Gap] = []
    expected = start
    for segment in sorted(segments):
        if segment.position < start.position or segment.timeline < start.timeline:
            continue
        if segment.position > expected.position:
            found.append(Gap(Segment(segment.timeline, expected.position), segment.previous))
        expected = segment.next
    return found


def before(gap: Gap, segments: Iterable[Segment]) -> Segment | None:
    """The last that can be replayed: the timeline may change within a gap."""
    return max((one for one in segments if one < gap.first and one.position < gap.first.position), default=None)


def containing(timeline: int, lsn: str) -> Segment:
    """The segment of the last byte before an LSN: one at a border belongs to the segment that it ends."""
    high, low = lsn.split("/")
    return Segment(timeline, ((int(high, 16) << 32) + int(low, 16) - 1) // SEGMENT_BYTES)
