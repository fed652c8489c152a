"""What the commands show, as data: the same facts as inspectd's reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from .layout import Layout, Slot
from .states import Verdict


@dataclass
class CodePlace:
    """An address of the kernel with what symbols and page tables say of it."""

    address: int
    symbol: str | None = None
    source: str | None = None
    section: str | None = None
    permissions: str | None = None
    problem: str | None = None

    @property
    def place(self) -> str:
        """`.text r-x`, as far as it is known."""
        return " ".join(part for part in (self.section, self.permissions) if part)


@dataclass
class VtableReport:
    """A vtable that frames point to, with both hooks."""

    location: CodePlace
    is_default: bool = False
    on_last_ref: CodePlace | None = None
    on_unmap: CodePlace | None = None
    is_readable: bool = True
    has_reserved: bool = False


@dataclass
class Block:
    """The block that a frame belongs to."""

    head: int
    order: int
    head_state: str | None


@dataclass
class FrameReport:
    """One frame: its slot, raw and decoded, its state and what belongs to it."""

    frame: int
    requested: int
    slot_virtual: int | None
    slot_physical: int
    data: bytes
    slot: Slot
    verdict: Verdict
    zone: str | None
    block: Block | None
    vtable: VtableReport | None
    layout: Layout

    @property
    def address(self) -> int:
        """Physical address of the frame."""
        return self.frame << 12


@dataclass
class DumpRow:
    """One line of a dump."""

    frame: int
    state: str
    slot: Slot


@dataclass
class Capability:
    """A capability on a block, and where the mapping index says that it is mapped: address, space, page size."""

    number: int
    mappings: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class OwnerReport:
    """The kernel's record of the block that holds a frame."""

    base: int
    order: int
    state: str
    refcount: int
    pins: int
    address: int
    capabilities: list[Capability]
