"""Which zone manages which frames, and what the allocator's books say of free frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from .states import State, Verdict


class ZoneMap:
    """The zones' parts by ascending frame, without overlap."""

    def __init__(self, names: tuple[str, ...] = (), parts: list[tuple[int, int, int]] | None = None) -> None:
        """`parts` are first frame, the frame behind the last, index of the zone; the one that starts first wins."""
        self.names = names
        self.parts: list[tuple[int, int, int]] = []
        for start, end, zone in sorted(parts or []):
            if self.parts:
                start = max(start, self.parts[-1][1])
            if start < end and zone < len(names):
                self.parts.append((start, end, zone))
        self._ends = [end for _, end, _ in self.parts]

    def zone(self, frame: int) -> int | None:
        """Index of the zone of a frame; None where none manages it."""
        index = bisect_right(self._ends, frame)
        if index < len(self.parts) and self.parts[index][0] <= frame:
            return self.parts[index][2]
        return None

    def name(self, frame: int) -> str | None:
        """The name of a frame's zone."""
        zone = self.zone(frame)
        return None if zone is None else self.names[zone]

    def pieces(self, first: int, end: int) -> Iterator[tuple[int | None, int, int]]:
        """Cuts a range of frames at the borders of zones: zone, first frame, the frame behind the last."""
        index = bisect_right(self._ends, first)
        while first < end:
            if index >= len(self.parts) or self.parts[index][0] >= end:
                yield None, first, end
                return
            start, stop, zone = self.parts[index]
            if first < start:
                yield None, first, start
                first = start
            yield zone, first, min(stop, end)
            first = min(stop, end)
            index += 1


@dataclass
class Books:
    """What the allocator's own structures say; empty where they are not known."""

    zones: ZoneMap = field(default_factory=ZoneMap)
    #: Frame numbers of the first block of each free list.
    list_heads: set[int] = field(default_factory=set)
    #: Frame numbers in per-CPU caches.
    cached: set[int] = field(default_factory=set)
    #: Why not all of it is known.
    gaps: list[str] = field(default_factory=list)

    def resolve(self, verdict: Verdict, frame: int) -> Verdict:
        """The verdict sharpened by the books: an unlinked free frame turns out to be cached or listed."""
        return Verdict(self.resolve_state(verdict.state, frame), verdict.contradiction)

    def resolve_state(self, state: State, frame: int) -> State:
        """The state sharpened by the books."""
        if state is State.FREE_UNLINKED:
            if frame in self.cached:
                return State.FREE_CACHED
            if frame in self.list_heads:
                return State.FREE_LISTED
        return state
