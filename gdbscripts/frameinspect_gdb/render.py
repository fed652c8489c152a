"""The commands' text: line by line what inspectd prints of the same facts."""

from __future__ import annotations

from collections.abc import Iterator

from .census import Summary
from .layout import Layout, Slot
from .reports import CodePlace, DumpRow, FrameReport, OwnerReport, VtableReport
from .states import State
from .tables import left, right, table
from .text import byte_count, fixed, percent, plural

_SHOWN_MAPPINGS = 4
_STATE_WIDTH = max(len(state.label) for state in State)


def _mebibytes(frames: int) -> str:
    return fixed(frames / 256, 3)


def summary(found: Summary, layout: Layout, title: str = "frames") -> list[str]:
    """The text of `fi summary`."""
    lines = [f"{found.frames} {title} of 4 KiB, {byte_count(found.frames * 4096)}", ""]
    lines += _flags(found, layout)
    states = [(state.label, count, state.text) for state, count in found.states]
    states += [("  " + kind.label, count, kind.text) for kind, count in found.contradictions]
    orders = [(str(order), count, "") for order, count in found.orders]
    zones = [(name or "(none)", count, "") for name, count in found.zones]
    references = [(label, count, "") for label, count in found.references]
    for key, groups, is_number in (
        ("state", states, False),
        ("order", orders, True),
        ("zone", zones, False),
        ("refcount", references, True),
    ):
        if groups:
            lines += ["", *_groups(key, groups, found.frames, is_number)]
    return lines


def _flags(found: Summary, layout: Layout) -> list[str]:
    digits = max((len(f"{flags or 0:x}") for flags, _ in found.flags), default=1)
    rows = []
    for flags, count in found.flags:
        names = ["(too many kinds to tell apart)"] if flags is None else layout.flag_names(flags)
        letters = "" if flags is None else layout.flag_letters(flags)
        share = percent(count, found.frames)
        names_text = ",".join(names) or "(none)"
        rows.append([f"0x{flags or 0:0{digits}x}", str(count), _mebibytes(count), share, letters, names_text])
    columns = [right("flags"), right("frames"), right("MiB"), right("share"), left("letters"), left("names")]
    return table(columns, rows, [["total", str(found.frames), _mebibytes(found.frames)]])


def _groups(key: str, groups: list[tuple[str, int, str]], total: int, is_number: bool) -> list[str]:
    columns = [right(key) if is_number else left(key), right("frames"), right("MiB"), right("share")]
    if any(note for _, _, note in groups):
        columns.append(left("meaning"))
    rows = [[label, str(count), _mebibytes(count), percent(count, total), note] for label, count, note in groups]
    return table(columns, rows)


def frame(report: FrameReport) -> list[str]:
    """The text of `fi frame`."""
    zone = f", zone {report.zone}" if report.zone else ""
    lines = [f"Frame {report.address:#x}, number {report.frame}{zone}"]
    if report.requested != report.address:
        lines.append(f"{report.requested:#x} lies in this frame")
    lines += [f"{report.verdict.state.label}: {report.verdict.text}", ""]
    at = f" at {report.slot_virtual:#x}" if report.slot_virtual is not None else ""
    lines.append(f"Slot{at} (physical {report.slot_physical:#x})")
    lines += [*_hex_dump(report.data), "", *_fields(report)]
    facts = _block(report) + (vtable(report.vtable) if report.vtable else [])
    if facts:
        lines += ["", *table([left(""), left("")], facts, has_header=False)]
    return lines


def _hex_dump(data: bytes) -> Iterator[str]:
    for row in range(0, len(data), 16):
        part = data[row : row + 16]
        halves = "  ".join(" ".join(f"{byte:02x}" for byte in half) for half in (part[:8], part[8:]) if half)
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        yield f"+{row:02x}  {halves:<48}  {text}"


def _fields(report: FrameReport) -> list[str]:
    places = report.layout.places
    rows = []
    for name in sorted((name for name in places if report.layout.has(name)), key=lambda name: places[name].offset):
        place = places[name]
        member = report.layout.profile.fields[name].member
        value = getattr(report.slot, name)
        if name == "order":
            value = min(value, 255)
        rows.append([f"+{place.offset:02x}", str(place.width), member, f"{value:#x}", _meaning(name, report)])
    return table([right("at"), right("size"), left("field"), right("value"), left("meaning")], rows)


def _meaning(name: str, report: FrameReport) -> str:
    layout, slot = report.layout, report.slot
    if name == "vtable":
        symbol = report.vtable.location.symbol if report.vtable else None
        return "the default" if slot.vtable == layout.vtable_default else (symbol or "").rsplit("+0x", 1)[0]
    return slot_meaning(name, layout, slot)


def slot_meaning(name: str, layout: Layout, slot: Slot) -> str:
    """What the value of a field says, in words; empty where the number says it all."""
    if name in ("next", "prev"):
        direction = "next" if name == "next" else "previous"
        return "none" if getattr(slot, name) == layout.link_none else f"{direction} free block"
    if name == "flags":
        return ", ".join(layout.flag_names(slot.flags))
    if name == "order":
        return f"block of {byte_count(4096 << min(slot.order, 40))}"
    if name == "refcount":
        references = layout.references(slot.refcount)
        return "unused" if references is None else plural(references, "reference")
    if name == "generation":
        return f"claimed {plural(slot.generation, 'time')}"
    if name == "guard":
        return ", ".join(layout.guard_names(slot.guard))
    return ""


def _block(report: FrameReport) -> list[list[str]]:
    block = report.block
    if block is None:
        return []
    frames = 1 << min(block.order, 40)
    end = block.head + frames * 4096
    place = f"order {block.order}: {plural(frames, 'frame')}, {block.head:#x}..{end:#x}"
    if block.head == report.address:
        return [["block", place], ["  head", "this frame"]]
    state = f" ({block.head_state})" if block.head_state else ""
    return [["block", place], ["  head", f"{block.head:#x}{state}"]]


def vtable(report: VtableReport) -> list[list[str]]:
    """A vtable as rows of name and value."""
    rows = [["vtable", "0, which selects the default" if report.is_default else f"{report.location.address:#x}"]]
    rows += _code("  symbol", report.location)
    if not report.is_readable:
        return rows + [["  hooks", "could not be read"]]
    for name, hook in (("  on_last_ref", report.on_last_ref), ("  on_unmap", report.on_unmap)):
        if hook is None:
            rows.append([name, "none"])
        else:
            rows += [[name, f"{hook.address:#x}"], *_code("", hook)]
    if report.has_reserved:
        rows.append(["  reserved", "not zero, as it should be"])
    return rows


def vtable_lines(report: VtableReport) -> list[str]:
    """The text of `fi vtable`."""
    return table([left(""), left("")], vtable(report), has_header=False)


def _code(name: str, place: CodePlace) -> list[list[str]]:
    rows = []
    if place.problem:
        rows.append([name, place.problem])
    if place.symbol:
        rows.append([name, place.symbol])
    if place.source:
        rows.append(["", place.source])
    if place.place:
        rows.append(["", place.place])
    return rows


class DumpTable:
    """The table of `fi dump`, whose rows stream."""

    def __init__(self, layout: Layout, last: int) -> None:
        """`last` is the highest address that may be shown."""
        self._layout = layout
        self._digits = max(9, len(f"{last:x}"))
        address = self._digits + 2
        columns = [("address", address, False), ("state", _STATE_WIDTH, False), ("flags", 6, False)]
        columns += [("letters", 9, False), ("order", 5, True), ("refcount", 8, True)]
        if layout.has("generation"):
            columns.append(("generation", 10, True))
        if layout.has("guard"):
            columns.append(("guard", 6, False))
        if layout.has("vtable"):
            columns.append(("vtable", 18, False))
        if layout.has("next"):
            columns += [("next", address, False), ("prev", address, False)]
        self._columns = columns

    def header(self) -> list[str]:
        """Titles and the rule below them."""
        titles = self._line([title for title, _, _ in self._columns])
        return [titles, "  ".join("-" * width for _, width, _ in self._columns)]

    def row(self, row: DumpRow) -> str:
        """A row's line."""
        layout, slot = self._layout, row.slot
        references = layout.references(slot.refcount)
        cells = {
            "address": f"0x{row.frame << 12:0{self._digits}x}",
            "state": row.state,
            "flags": f"0x{slot.flags:04x}",
            "letters": layout.flag_letters(slot.flags),
            "order": str(min(slot.order, 255)),
            "refcount": "-" if references is None else str(references),
            "generation": str(slot.generation),
            "guard": f"{slot.guard:#x}",
            "vtable": f"{slot.vtable:#x}",
            "next": "-" if slot.next == layout.link_none else f"{slot.next:#x}",
            "prev": "-" if slot.prev == layout.link_none else f"{slot.prev:#x}",
        }
        return self._line([cells[title] for title, _, _ in self._columns])

    def _line(self, cells: list[str]) -> str:
        parts = (
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, (_, width, is_right) in zip(cells, self._columns)
        )
        return "  ".join(parts).rstrip()


def owner(report: OwnerReport | None) -> list[str]:
    """The kernel's record of a block."""
    if report is None:
        return ["No ownership entry"]
    rows = [
        ["block", f"{report.base:#x}, order {report.order}"],
        ["state", report.state],
        ["references", f"{report.refcount}: {len(report.capabilities)} capabilities, {report.pins} pins"],
        ["entry at", f"{report.address:#x}"],
    ]
    for capability in report.capabilities:
        shown = capability.mappings[:_SHOWN_MAPPINGS]
        places = ", ".join(f"{address:#x} of {space} ({byte_count(size)})" for address, space, size in shown)
        more = len(capability.mappings) - len(shown)
        text = places or "mapped nowhere, says the index"
        rows.append(["capability", f"{capability.number}: {text}" + (f", and {more} more" if more else "")])
    return ["Owner", *table([left(""), left("")], rows, indent=2, has_header=False)]
