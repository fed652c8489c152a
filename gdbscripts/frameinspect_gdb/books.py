"""Reads the allocator's own structures: zones, first blocks of free lists, per-CPU caches."""

from __future__ import annotations

from .cells import CellPath
from .errors import Problem, ReadProblem
from .facts import CacheLayout, KernelFacts, ZoneLayout
from .space import AddressSpace
from .trees import Number
from .zones import Books, ZoneMap

#: More segments than these no zone has: what says so is not what the profile takes it for.
_MAXIMUM_SEGMENTS = 4096


def read_books(facts: KernelFacts, space: AddressSpace) -> Books:
    """What the allocator says of its frames; what cannot be read is a gap, not an error."""
    result = Books()
    tree = facts.profile.tree
    for name, layout, anchor in (
        ("zones", facts.zones, (tree.get("zones") or {}).get("allocator")),
        ("per-CPU caches", facts.caches, (tree.get("frameCaches") or {}).get("anchor")),
    ):
        if layout is None or anchor not in facts.anchors:
            result.gaps.append(f"{name}: {facts.missing.get(name, 'the image has no such symbol')}")
            continue
        try:
            if isinstance(layout, ZoneLayout):
                _read_zones(layout, facts, space, facts.anchors[anchor], result)
            elif isinstance(layout, CacheLayout):
                _read_caches(layout, space, facts.anchors[anchor], result)
        except Problem as problem:
            result.gaps.append(f"{name}: {problem}")
    return result


def _check(path: CellPath, name: str, anchor: int, space: AddressSpace, result: Books) -> None:
    held = path.check(name, anchor, space.read)
    if held:
        result.gaps.append(held)


def _read_zones(layout: ZoneLayout, facts: KernelFacts, space: AddressSpace, anchor: int, result: Books) -> None:
    _check(layout.path, "the allocator", anchor, space, result)
    names = facts.profile.zone_names
    parts: list[tuple[int, int, int]] = []
    start = anchor + layout.path.offset + layout.zones.offset
    for index in range(layout.zones.count):
        zone = space.read(start + index * layout.zones.stride, layout.zones.stride)
        kind, count = layout.kind.of(zone), layout.segment_count.of(zone)
        if kind >= len(names) or count > _MAXIMUM_SEGMENTS:
            raise ReadProblem(f"zone {index} would be of kind {kind} and have {count} segments")
        if not count:
            continue
        segments = space.read(layout.segments.of(zone), count * layout.segment_size)
        for offset in range(0, len(segments), layout.segment_size):
            segment = segments[offset : offset + layout.segment_size]
            first = layout.segment_base.of(segment) >> 12
            parts.append((first, first + layout.segment_pages.of(segment), kind))
            for row in range(layout.free_lists.count):
                head = Number(layout.free_lists.offset + row * 8, 8).of(segment)
                # 0 is an empty list.
                if head and not head & 0xFFF:
                    result.list_heads.add(head >> 12)
    result.zones = ZoneMap(names, parts)


def _read_caches(layout: CacheLayout, space: AddressSpace, anchor: int, result: Books) -> None:
    caches, frames = layout.caches, layout.frames
    data = space.read(anchor, caches.stride * caches.count)
    for index in range(caches.count):
        base = index * caches.stride
        for guard in layout.path.guards:
            if guard.word.of(data, base) != guard.accepted:
                result.gaps.append(f"the per-CPU cache {index} is locked")
        count = layout.length.of(data, base + layout.path.offset)
        if count > frames.count:
            result.gaps.append(f"the per-CPU cache {index} would have {count} frames; there is room for {frames.count}")
            continue
        start = base + layout.path.offset + frames.offset
        for offset in range(start, start + count * 8, 8):
            result.cached.add(int.from_bytes(data[offset : offset + 8], "little") >> 12)
