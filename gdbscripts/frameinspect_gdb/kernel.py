"""The kernel of a guest that stands still: where its table is, and what it says of a frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple

from .books import read_books
from .errors import Problem, ReadProblem
from .facts import KernelFacts
from .layout import Layout
from .memory import PhysicalMemory
from .owners import Ownership, find_owner
from .profile import Profile, number
from .reports import Block, FrameReport, VtableReport
from .space import AddressSpace
from .states import State, Verdict, is_head, verdict
from .states import facts as state_facts
from .symbols import describe
from .zones import Books


class Table(NamedTuple):
    """The frame table: virtual address of slot 0, number of slots, bytes of each, first frame, pieces of memory."""

    base: int
    count: int
    stride: int
    index_base: int
    pieces: list[tuple[int, int]]

    def virtual(self, index: int) -> int:
        """Virtual address of a slot."""
        return self.base + index * self.stride

    def physical(self, index: int) -> int:
        """Physical address of a slot."""
        offset = index * self.stride
        for address, length in self.pieces:
            if offset < length:
                return address + offset
            offset -= length
        raise ReadProblem(f"the frame table has no slot {index}")

    @property
    def end_address(self) -> int:
        """The physical address behind the last frame."""
        return (self.index_base + self.count) << 12


class Kernel:
    """What can be asked of the kernel; valid while the guest stands still."""

    def __init__(self, facts: KernelFacts, memory: PhysicalMemory, space: AddressSpace) -> None:
        self.facts = facts
        self.memory = memory
        self.space = space

    @property
    def profile(self) -> Profile:
        """The kernel's profile."""
        return self.facts.profile

    @property
    def layout(self) -> Layout:
        """The layout of a slot."""
        return self.facts.layout

    @cached_property
    def direct_map(self) -> int | None:
        """What the direct map adds to a physical address; None where there is none."""
        anchor = self.profile.direct_map
        if anchor is None or anchor not in self.facts.anchors:
            return None
        return self.space.number(self.facts.anchors[anchor])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Several reads in a row. Registers are asked for before: gdb may have to read memory to know them."""
        _ = self.space.mode
        with self.memory.held():
            yield

    @cached_property
    def table(self) -> Table:
        """The frame table."""
        with self._reading():
            return self._table()

    def _table(self) -> Table:
        base, count = self._base(), self._count()
        stride = self.layout.stride
        frames = self.memory.ram.end >> 12
        if count == 0:
            raise Problem("the kernel's frame table has no slots yet: let it boot further and try again")
        # One slot more is a kernel that rounds up.
        if self.layout.index_base + count > frames + 1 or count * stride > self.memory.ram.size:
            raise Problem(
                f"the kernel's frame table would have {count} slots of {stride} bytes, but the guest has only {frames} "
                "frames up to the end of its RAM: is it the right profile and image?"
            )
        try:
            pieces = self.space.pieces(base, count * stride)
        except ReadProblem as problem:
            raise Problem(
                f"the kernel's pointer to its frame table leads nowhere ({base:#x}, {count} slots): {problem}"
            ) from problem
        return Table(base, count, stride, self.layout.index_base, pieces)

    def _base(self) -> int:
        where = self.profile.table["base"]
        if "virtualAddress" in where:
            return number(where["virtualAddress"])
        if "symbol" in where:
            return self.facts.anchor(where["symbol"])
        base = self.space.number(self.facts.anchor(where["anchor"]))
        if base == 0:
            raise Problem("the kernel has not set up its frame table yet: let it boot further and try again")
        return base

    def _count(self) -> int:
        where = self.profile.table["count"]
        unit = number(where["unit"]) if "unit" in where else self.layout.stride
        if "fixed" in where:
            return number(where["fixed"])
        if "start" in where:
            return max(0, self.facts.anchor(where["end"]) - self.facts.anchor(where["start"])) // max(unit, 1)
        if "sizeOf" in where:
            raise Problem("a table whose size is a symbol's is not for gdb alone: connect it through inspectd")
        return self.space.number(self.facts.anchor(where["anchor"]))

    @cached_property
    def books(self) -> Books:
        """What the allocator's structures say."""
        with self._reading():
            return read_books(self.facts, self.space)

    def index(self, frame: int) -> int:
        """The slot of a frame."""
        index = frame - self.layout.index_base
        if not 0 <= index < self.table.count:
            is_ram = self.memory.ram.holds(frame << 12)
            known = " (the address is RAM, but the kernel does not manage it)" if is_ram else ""
            first = self.layout.index_base << 12
            raise Problem(
                f"the frame table has no slot for {frame << 12:#x}: it covers {first:#x}..{self.table.end_address:#x}"
                f"{known}"
            )
        return index

    def frame(self, address: int) -> FrameReport:
        """What is known of the frame that holds a physical address."""
        layout, frame = self.layout, address >> 12
        index = self.index(frame)
        physical = self.table.physical(index)
        data = self.memory.read(physical, layout.stride)
        slot = layout.decode(data)
        return FrameReport(
            frame=frame,
            requested=address,
            slot_virtual=self.table.virtual(index),
            slot_physical=physical,
            data=data,
            slot=slot,
            verdict=self._verdict(data, frame),
            zone=self.books.zones.name(frame),
            block=self._block(frame, data),
            vtable=self.vtable(slot.vtable) if layout.has("vtable") else None,
            layout=layout,
        )

    def _verdict(self, data: bytes, frame: int) -> Verdict:
        slot = self.layout.decode(data)
        known = state_facts(self.layout, slot, is_head(frame, min(slot.order, 255)))
        return self.books.resolve(verdict(self.layout, known), frame)

    def _block(self, frame: int, data: bytes) -> Block | None:
        order = min(self.layout.decode(data).order, 255)
        if self._verdict(data, frame).state is State.UNMANAGED or order > self.layout.max_order:
            return None
        head = frame >> order << order
        if head < self.layout.index_base:
            return None
        if head == frame:
            return Block(head << 12, order, None)
        slot = self.memory.read(self.table.physical(self.index(head)), self.layout.stride)
        return Block(head << 12, order, self._verdict(slot, head).state.label)

    def vtable(self, pointer: int) -> VtableReport:
        """What a vtable pointer leads to."""
        layout = self.facts.vtable
        if layout is None or pointer == self.layout.vtable_default:
            return VtableReport(describe(pointer, None), is_default=True)
        report = VtableReport(describe(pointer, self.space.permissions(pointer)))
        if pointer % max(layout.alignment, 1):
            report.location.problem = f"not aligned to {layout.alignment} bytes: the kernel uses the default instead"
            return report
        try:
            data = self.space.read(pointer, layout.size)
        except ReadProblem as problem:
            report.is_readable = False
            report.location.problem = str(problem)
            return report
        for name in ("on_last_ref", "on_unmap"):
            offset = getattr(layout, name)
            hook = 0 if offset is None else int.from_bytes(data[offset : offset + 8], "little")
            if hook:
                setattr(report, name, describe(hook, self.space.permissions(hook)))
        if layout.reserved is not None:
            start = layout.reserved.offset
            report.has_reserved = any(data[start : start + layout.reserved.stride * layout.reserved.count])
        return report

    def owner(self, frame: int) -> Ownership:
        """The kernel's record of the block that holds a frame."""
        with self._reading():
            return find_owner(self.facts, self.space, frame)
