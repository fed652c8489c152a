"""Counts the frames of a table by flags, state, order, zone and references, as `inspectd summary` does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .layout import Layout, Slot
from .states import Contradiction, State, Verdict, facts, verdict
from .where import Filter, Row
from .zones import Books

#: How many kinds of slots are told apart; the rest of a table of random bytes is told apart by state, order and vtable.
KIND_LIMIT = 1 << 14
#: How many sums are kept before they are added up.
_SUM_LIMIT = 1 << 16


class Kind(NamedTuple):
    """What all slots that are counted together agree in."""

    flags: int | None
    refcount: int | None
    guard: int
    order: int
    is_linked: bool
    is_head: bool
    was_claimed: bool
    has_vtable: bool


class Piece(NamedTuple):
    """Frames in a row with equal slots in one zone, all of them heads of their order or none."""

    slot: Slot
    first: int
    count: int
    #: Frames from one to the next: 1, or the block's frames where heads of blocks were taken out of a run.
    step: int
    is_head: bool

    @property
    def frames(self) -> range:
        """The frames' numbers."""
        return range(self.first, self.first + self.count * self.step, self.step)


@dataclass
class Summary:
    """What was counted; every list in the order in which it is shown."""

    frames: int = 0
    with_vtable: int = 0
    flags: list[tuple[int | None, int]] = field(default_factory=list)
    states: list[tuple[State, int]] = field(default_factory=list)
    contradictions: list[tuple[Contradiction, int]] = field(default_factory=list)
    orders: list[tuple[int, int]] = field(default_factory=list)
    references: list[tuple[str, int]] = field(default_factory=list)
    zones: list[tuple[str | None, int]] = field(default_factory=list)


def runs(data: bytes, stride: int) -> Iterator[tuple[int, int]]:
    """Runs of equal slots: index of the first, how many.

    Most of a table is a few long runs: comparing ever longer pieces with their neighbours costs little.
    """
    total = len(data) // stride
    index = 0
    while index < total:
        start = index * stride
        slot = data[start : start + stride]
        known = 1
        if data.startswith(slot, start + stride):
            known = 2
            length = 2 * stride
            while data[start : start + length] == data[start + length : start + 2 * length]:
                length *= 2
            known = length // stride
            # The run ends somewhere in the next piece, which is halved until the end is found.
            while length > stride:
                length //= 2
                end = start + known * stride
                if data[start : start + length] == data[end : end + length]:
                    known += length // stride
            known = min(known, total - index)
        yield index, known
        index += known


def pieces(layout: Layout, slot: Slot, first: int, count: int) -> Iterator[Piece]:
    """Divides a run into heads of blocks and the frames between them, by ascending first frame."""
    order = min(slot.order, 255)
    size = 1 << order
    if order == 0:
        yield Piece(slot, first, count, 1, True)
        return
    frame, end = first, first + count
    if frame & (size - 1):
        stop = min(end, (frame | (size - 1)) + 1)
        yield Piece(slot, frame, stop - frame, 1, False)
        frame = stop
    while frame < end:
        yield Piece(slot, frame, 1, 1, True)
        stop = min(end, frame + size)
        if stop > frame + 1:
            yield Piece(slot, frame + 1, stop - frame - 1, 1, False)
        frame = stop


@dataclass
class _Sum:
    """Frames whose slots agree in all that matters."""

    row: int
    kind: Kind
    verdict: Verdict
    frames: int = 0


class Census:
    """Counts slots while they are read."""

    def __init__(self, layout: Layout, books: Books, where: Filter | None = None) -> None:
        self._layout = layout
        self._books = books
        self._where = where
        rows = len(books.zones.names) + 1
        self._counts: list[dict[tuple[Kind, Verdict], int]] = [defaultdict(int) for _ in range(rows)]
        self._verdicts: dict[Kind, Verdict] = {}
        # Frames by what their slots agree in, without filter: heads of blocks, and all others.
        self._sums: tuple[dict[tuple[int, ...], _Sum], dict[tuple[int, ...], _Sum]] = ({}, {})
        self._uncached = books.list_heads - books.cached
        # Unlinked free frames that the books know, by zone: on a list, in a cache.
        self._listed = [0] * rows
        self._cached = [0] * rows

    def add(self, data: bytes, first: int) -> None:
        """Counts slots in a row; `first` is the number of the first one's frame."""
        stride = self._layout.stride
        for zone, start, end in self._books.zones.pieces(first, first + len(data) // stride):
            row = len(self._books.zones.names) if zone is None else zone
            part = data[(start - first) * stride : (end - first) * stride]
            add = self._add_run if self._where is None else self._add_selected
            for index, count in runs(part, stride):
                add(self._layout.decode(part, index * stride), start + index, count, row)

    def _add_run(self, slot: Slot, first: int, count: int, row: int) -> None:
        """Counts a run of equal slots; slots that agree in what states depend on share a sum."""
        layout, order = self._layout, min(slot.order, 255)
        key = (
            row,
            slot.flags,
            slot.refcount,
            slot.guard,
            order,
            slot.next != layout.link_none or slot.prev != layout.link_none,
            slot.generation != 0,
            slot.vtable != layout.vtable_default,
        )
        heads = count if order == 0 else _multiples(first, count, order)
        if heads:
            found = self._sums[0].get(key)
            if found is None or found.verdict.state is State.FREE_UNLINKED:
                piece = Piece(slot, -(-first >> order) << order, heads, 1 << order, True)
                found = found or self._sum(piece, key, row)
                if found.verdict.state is State.FREE_UNLINKED:
                    listed, cached = self._known_to_books(piece)
                    self._listed[row] += listed
                    self._cached[row] += cached
            found.frames += heads
        if heads < count:
            found = self._sums[1].get(key)
            if found is None:
                found = self._sum(Piece(slot, first, count - heads, 1, False), key, row)
            found.frames += count - heads

    def _sum(self, piece: Piece, key: tuple[int, ...], row: int) -> _Sum:
        """A new sum; their number is bounded, whatever the table holds."""
        if len(self._sums[0]) + len(self._sums[1]) >= _SUM_LIMIT:
            self._add_up()
        result = _Sum(row, *self._kind(piece))
        self._sums[0 if piece.is_head else 1][key] = result
        return result

    def _add_up(self) -> None:
        for sums in self._sums:
            for found in sums.values():
                self._counts[found.row][found.kind, found.verdict] += found.frames
            sums.clear()

    def _add_selected(self, slot: Slot, first: int, count: int, row: int) -> None:
        """Counts those frames of a run that are wanted."""
        order = min(slot.order, 255)
        heads = _multiples(first, count, order)
        if heads:
            self._add(Piece(slot, -(-first >> order) << order, heads, 1 << order, True), row)
        if heads == count:
            return
        if self._where is not None and self._where.needs_frame:
            for piece in pieces(self._layout, slot, first, count):
                if not piece.is_head:
                    self._add(piece, row)
        else:
            self._add(Piece(slot, first, count - heads, 1, False), row)

    def _add(self, piece: Piece, row: int) -> None:
        kind, known = self._kind(piece)
        frames, listed, cached = self._selected(piece, known, row)
        if frames:
            self._counts[row][kind, known] += frames
            self._listed[row] += listed
            self._cached[row] += cached

    def _kind(self, piece: Piece) -> tuple[Kind, Verdict]:
        known = facts(self._layout, piece.slot, piece.is_head)
        kind = Kind(
            known.flags,
            known.refcount,
            known.guard,
            known.order,
            known.is_linked,
            known.is_head,
            known.was_claimed,
            known.has_vtable,
        )
        found = self._verdicts.get(kind)
        if found is None:
            found = verdict(self._layout, known)
            if len(self._verdicts) >= KIND_LIMIT:
                return Kind(None, None, 0, known.order, False, False, False, known.has_vtable), found
            self._verdicts[kind] = found
        return kind, found

    def _known_to_books(self, piece: Piece) -> tuple[int, int]:
        cached = len(_among(piece.frames, self._books.cached))
        listed = len(_among(piece.frames, self._uncached))
        return listed, cached

    def _selected(self, piece: Piece, known: Verdict, row: int) -> tuple[int, int, int]:
        """How many frames of a piece are wanted, and how many of them are on a list and in a cache."""
        where = self._where
        names = self._books.zones.names
        zone = names[row].lower() if row < len(names) else "none"
        if where is None:
            return piece.count, 0, 0
        if known.state is not State.FREE_UNLINKED and not where.needs_frame:
            wanted = where.matches(Row(piece.slot, piece.first, known.state, zone))
            return (piece.count if wanted else 0), 0, 0
        frames = listed = cached = 0
        for frame in piece.frames:
            state = self._books.resolve_state(known.state, frame)
            if where.matches(Row(piece.slot, frame, state, zone)):
                frames += 1
                listed += known.state is State.FREE_UNLINKED and state is State.FREE_LISTED
                cached += state is State.FREE_CACHED
        return frames, listed, cached

    def summary(self) -> Summary:
        """What was counted."""
        self._add_up()
        result = Summary()
        flags: dict[int | None, int] = defaultdict(int)
        states: dict[State, int] = defaultdict(int)
        contradictions: dict[Contradiction, int] = defaultdict(int)
        orders: dict[int, int] = defaultdict(int)
        references: dict[tuple[int, int], int] = defaultdict(int)
        names = self._books.zones.names
        for row, counts in enumerate(self._counts):
            in_zone = sum(counts.values())
            for (kind, known), count in counts.items():
                flags[kind.flags] += count
                states[known.state] += count
                if known.contradiction:
                    contradictions[known.contradiction] += count
                result.with_vtable += count if kind.has_vtable else 0
                if known.state is not State.UNMANAGED:
                    orders[kind.order] += count
                    references[self._bucket(kind.refcount)] += count
            if names and (row < len(names) or in_zone):
                result.zones.append((names[row] if row < len(names) else None, in_zone))
        listed, cached = sum(self._listed), sum(self._cached)
        states[State.FREE_LISTED] += listed
        states[State.FREE_CACHED] += cached
        states[State.FREE_UNLINKED] -= listed + cached
        result.frames = sum(states.values())
        ascending = sorted(flags.items(), key=lambda item: (item[0] is None, item[0]))
        result.flags = sorted(ascending, key=lambda item: -item[1])
        result.states = [(state, states[state]) for state in State if states.get(state)]
        result.contradictions = [(kind, contradictions[kind]) for kind in Contradiction if kind in contradictions]
        result.orders = sorted(orders.items())
        result.references = [(_label(bucket), count) for bucket, count in sorted(references.items())]
        return result

    def _bucket(self, stored: int | None) -> tuple[int, int]:
        """The group of a refcount: exact up to 15, then powers of two; (-1, -1) for unused, after all for not known."""
        if stored is None:
            return (1 << 64, 1 << 64)
        if stored == self._layout.refcount_unused:
            return (-1, -1)
        number = self._layout.counted(stored)
        if number <= 15:
            return (number, number)
        power = number.bit_length() - 1
        return (1 << power, (2 << power) - 1)


def _label(bucket: tuple[int, int]) -> str:
    low, high = bucket
    if low < 0:
        return "unused"
    if low > (1 << 64) - 1:
        return "(other)"
    return str(low) if low == high else f"{low}-{high}"


def _multiples(first: int, count: int, order: int) -> int:
    """How many frames of a run can head a block of this order."""
    if order >= 64:
        return 0
    return ((first + count - 1) >> order) - ((first - 1) >> order)


def _among(frames: range, known: set[int]) -> list[int]:
    """The frames of a run that are in a set, whichever of the two is smaller."""
    if len(frames) > len(known):
        return [frame for frame in known if frame in frames]
    return [frame for frame in frames if frame in known]
