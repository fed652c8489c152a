"""The current vCPU's address space: translation, virtual reads, and what an address of the user's means."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import gdb

from .errors import Problem, ReadProblem
from .memory import PhysicalMemory
from .paging import Mode, Translation, translate
from .text import WORD, one_line

_PAGING = 1 << 31
_LONG_MODE = 1 << 10
_NO_EXECUTE = 1 << 11
_FIVE_LEVELS = 1 << 12


class Place(NamedTuple):
    """A physical address, and how the user named it."""

    physical: int
    #: The virtual address; None for one that was physical already.
    virtual: int | None = None
    #: Whether the virtual address belongs to the kernel's direct map.
    is_direct: bool = False

    @property
    def text(self) -> str:
        """The sentence that says which it was."""
        if self.virtual is None:
            return f"{self.physical:#x} is a physical address"
        if self.is_direct:
            return f"{self.virtual:#x} lies in the direct map: physical {self.physical:#x}"
        return f"{self.virtual:#x} is mapped by the current vCPU: physical {self.physical:#x}"


class AddressSpace:
    """What the page tables of the current vCPU say; valid while the guest stands still."""

    def __init__(self, memory: PhysicalMemory) -> None:
        self.memory = memory

    @cached_property
    def mode(self) -> Mode:
        """How the vCPU translates; asked for when it is needed, since physical addresses do without."""
        return _mode()

    def translate(self, address: int) -> Translation:
        """Where a virtual address leads."""
        try:
            return translate(address, self.mode, self.memory.word)
        except ReadProblem as error:
            raise ReadProblem(f"{error} (page tables of vCPU {_processor()}, CR3 {self.mode.cr3:#x})") from error

    def permissions(self, address: int) -> str | None:
        """What the page tables allow, like `r-x`; None where nothing is mapped."""
        try:
            return self.translate(address).permissions
        except ReadProblem:
            return None

    def read(self, address: int, count: int) -> bytes:
        """Copies virtual memory, page by page where pages lie."""
        return b"".join(self.memory.read(start, length) for start, length in self.pieces(address, count))

    def number(self, address: int, width: int = 8) -> int:
        """A little-endian number."""
        return int.from_bytes(self.read(address, width), "little")

    def pieces(self, address: int, count: int) -> list[tuple[int, int]]:
        """Where virtual memory lies: physical address and bytes of each piece, neighbours joined."""
        if address + count > WORD + 1:
            raise ReadProblem(f"{count} bytes at {address:#x} leave the address space")
        result: list[tuple[int, int]] = []
        end = address + count
        while address < end:
            found = self.translate(address)
            length = min(end - address, found.page_size - (address & (found.page_size - 1)))
            if result and sum(result[-1]) == found.physical:
                result[-1] = (result[-1][0], result[-1][1] + length)
            else:
                result.append((found.physical, length))
            address += length
        return result


def evaluate(expression: str) -> gdb.Value:
    """The value of an expression of the user."""
    if not expression:
        raise Problem("an address or an expression is missing")
    try:
        return gdb.parse_and_eval(expression)
    except gdb.error as error:
        raise Problem(f"{expression}: {one_line(str(error))}") from error


def number_of(value: gdb.Value) -> tuple[int, bool]:
    """A value as an address, and whether its type says that it is a virtual one."""
    kind = value.type.strip_typedefs()
    for _ in range(8):
        # A newtype like `PhysAddr` is the number inside it.
        fields = [field for field in kind.fields() if field.type.sizeof] if kind.code == gdb.TYPE_CODE_STRUCT else []
        if len(fields) != 1:
            break
        value = value[fields[0]]
        kind = value.type.strip_typedefs()
    is_pointer = kind.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_REF)
    try:
        if kind.code == gdb.TYPE_CODE_FUNC:
            value = value.address
        return int(value) & WORD, is_pointer
    except (gdb.error, OverflowError, TypeError) as error:
        raise Problem(f"a value of the type {kind} is no address") from error


def locate(value: gdb.Value, space: AddressSpace, direct_map: Callable[[], int | None]) -> Place:
    """What a value means: a pointer is virtual, a number below the end of RAM physical, any other number virtual."""
    number, is_pointer = number_of(value)
    if not is_pointer and number < space.memory.ram.end:
        return Place(number)
    found = _translated(number, space)
    if found is None and not is_pointer and number >> 47 == 0:
        raise Problem(
            f"{number:#x} is neither physical, since RAM ends at {space.memory.ram.end:#x}, "
            f"nor mapped by vCPU {_processor()}"
        )
    if found is None:
        found = space.translate(number)
    base = direct_map()
    return Place(found.physical, number, base is not None and found.physical == (number - base) & WORD)


def _translated(address: int, space: AddressSpace) -> Translation | None:
    try:
        return space.translate(address)
    except ReadProblem:
        return None


def _register(name: str) -> int:
    try:
        return int(gdb.parse_and_eval(f"${name}")) & WORD
    except (gdb.error, TypeError) as error:
        raise Problem(f"the stub does not tell the register {name}: {one_line(str(error))}") from error


def _mode() -> Mode:
    efer = _register("efer")
    if not _register("cr0") & _PAGING or not efer & _LONG_MODE:
        raise Problem(
            f"vCPU {_processor()} is not in 64-bit mode: let the kernel boot further, or choose another with `thread N`"
        )
    levels = 5 if _register("cr4") & _FIVE_LEVELS else 4
    return Mode(_register("cr3"), levels, efer & _NO_EXECUTE != 0)


def _processor() -> str:
    thread = gdb.selected_thread()
    return str(thread.num) if thread else "?"
