"""Reads the whole table in pieces, so that memory stays bounded, and counts or selects frames."""

from __future__ import annotations

from collections.abc import Iterator

from .census import Census, Piece, Summary, pieces, runs
from .kernel import Kernel
from .reports import DumpRow
from .states import State, facts, verdict
from .where import Filter, Row


def batches(kernel: Kernel) -> Iterator[tuple[int, bytes]]:
    """The table's slots: number of the first frame, and bytes of whole slots."""
    stride = kernel.layout.stride
    frame = kernel.layout.index_base
    rest = b""
    for chunk in kernel.memory.chunks(kernel.table.pieces):
        data = rest + chunk if rest else chunk
        count = len(data) // stride
        rest = data[count * stride :]
        if count:
            yield frame, data[: count * stride] if rest else data
            frame += count


def count(kernel: Kernel, where: Filter | None) -> Summary:
    """Counts the frames for which an expression holds."""
    census = Census(kernel.layout, kernel.books, where)
    for frame, data in batches(kernel):
        census.add(data, frame)
    return census.summary()


def select(kernel: Kernel, where: Filter, limit: int) -> Iterator[DumpRow]:
    """The first frames for which an expression holds."""
    if limit <= 0:
        return
    layout, books = kernel.layout, kernel.books
    stride = layout.stride
    for first, data in batches(kernel):
        for zone, start, end in books.zones.pieces(first, first + len(data) // stride):
            name = "none" if zone is None else books.zones.names[zone].lower()
            part = data[(start - first) * stride : (end - first) * stride]
            for index, length in runs(part, stride):
                slot = layout.decode(part, index * stride)
                for piece in pieces(layout, slot, start + index, length):
                    for row in _selected(kernel, piece, where, name):
                        yield row
                        limit -= 1
                        if limit == 0:
                            return


def _selected(kernel: Kernel, piece: Piece, where: Filter, zone: str) -> Iterator[DumpRow]:
    known = verdict(kernel.layout, facts(kernel.layout, piece.slot, piece.is_head)).state
    if not where.needs_frame and known is not State.FREE_UNLINKED:
        if where.matches(Row(piece.slot, piece.first, known, zone)):
            for frame in piece.frames:
                yield DumpRow(frame, known.label, piece.slot)
        return
    for frame in piece.frames:
        state = kernel.books.resolve_state(known, frame)
        if where.matches(Row(piece.slot, frame, state, zone)):
            yield DumpRow(frame, state.label, piece.slot)


def hooks(kernel: Kernel) -> dict[int, int]:
    """Every vtable other than the default that a slot names, and how many frames name it."""
    found: dict[int, int] = {}
    stride = kernel.layout.stride
    for _, data in batches(kernel):
        for index, length in runs(data, stride):
            vtable = kernel.layout.decode(data, index * stride).vtable
            if vtable != kernel.layout.vtable_default:
                found[vtable] = found.get(vtable, 0) + length
    return found
