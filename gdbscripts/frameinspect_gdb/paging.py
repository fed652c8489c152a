"""Translates virtual addresses as the CPU does: 4 and 5 levels, large pages, permissions of all levels together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .errors import ReadProblem

_ADDRESS = (1 << 52) - 1 & ~0xFFF
_LARGE = 0x80
_NO_EXECUTE = 1 << 63
#: Bits between a large page's attribute bit and its address, by level.
_RESERVED_IN_LARGE = {2: 0x1F_E000, 3: 0x3FFF_E000}


@dataclass(frozen=True)
class Mode:
    """The registers of a vCPU that decide how it translates."""

    cr3: int
    levels: int
    has_no_execute: bool

    @property
    def root(self) -> int:
        """Physical address of the top table."""
        return self.cr3 & _ADDRESS

    def is_canonical(self, address: int) -> bool:
        """Whether the highest bits are copies of the one below them."""
        upper = address >> (9 * self.levels + 11)
        return upper in (0, (1 << (64 - 9 * self.levels - 11)) - 1)


class Translation(NamedTuple):
    """Where a virtual address leads, and what may be done there."""

    physical: int
    page_size: int
    is_writable: bool
    is_user: bool
    is_executable: bool

    @property
    def permissions(self) -> str:
        """Like `r-x`."""
        return "r" + ("w" if self.is_writable else "-") + ("x" if self.is_executable else "-")


def translate(address: int, mode: Mode, word: Callable[[int], int]) -> Translation:
    """Walks the page tables; `word` reads the 8 bytes at a physical address."""
    if not mode.is_canonical(address):
        raise ReadProblem(f"{address:#x} is not a canonical address")
    table = mode.root
    writable = user = executable = True
    for level in range(mode.levels, 0, -1):
        shift = 12 + 9 * (level - 1)
        entry = word(table + (address >> shift & 511) * 8)
        if not entry & 1:
            raise ReadProblem(f"{address:#x} is not mapped: its page table entry of level {level} is not present")
        is_leaf = level == 1 or (entry & _LARGE != 0 and level <= 3)
        if entry & _reserved(level, is_leaf, mode):
            raise ReadProblem(f"{address:#x} is not mapped: its entry of level {level}, {entry:#x}, has reserved bits")
        writable = writable and entry & 2 != 0
        user = user and entry & 4 != 0
        executable = executable and not (mode.has_no_execute and entry & _NO_EXECUTE)
        if is_leaf:
            size = 1 << shift
            physical = (entry & _ADDRESS & ~(size - 1)) | (address & (size - 1))
            return Translation(physical, size, writable, user, executable)
        table = entry & _ADDRESS
    raise AssertionError("level 1 is a leaf")


def _reserved(level: int, is_leaf: bool, mode: Mode) -> int:
    reserved = 0 if mode.has_no_execute else _NO_EXECUTE
    if level >= 4:
        reserved |= _LARGE
    if is_leaf:
        reserved |= _RESERVED_IN_LARGE.get(level, 0)
    return reserved
