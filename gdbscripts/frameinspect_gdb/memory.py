"""The guest's physical memory, through the stub: never where there is no RAM, and never leaving a trace."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

import gdb

from .connection import monitor, packet, require_stopped
from .errors import Problem, ReadProblem
from .text import byte_count, one_line

#: Bytes that are kept around a word that was read: what one packet carries.
KEPT = 2048
#: Bytes that are read at once: a multiple of what one packet carries, and little enough to stop soon after Ctrl-C.
CHUNK = 1 << 20

_ROW = re.compile(r"  ([0-9a-f]+)-([0-9a-f]+) \(prio [^,]+, ram\): (.*)")


class RAM:
    """Which physical addresses are RAM: a read anywhere else would be answered with zeros, or disturb a device."""

    def __init__(self, regions: list[tuple[int, int]]) -> None:
        """`regions` are first address and the address behind the last one."""
        self.regions: list[tuple[int, int]] = []
        for start, end in sorted(regions):
            if self.regions and start <= self.regions[-1][1]:
                self.regions[-1] = (self.regions[-1][0], max(end, self.regions[-1][1]))
            else:
                self.regions.append((start, end))
        self._starts = [start for start, _ in self.regions]

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.regions[-1][1] if self.regions else 0

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(end - start for start, end in self.regions)

    def holds(self, address: int, count: int = 1) -> bool:
        """Whether all bytes are RAM."""
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address + count <= self.regions[index][1]

    @classmethod
    def of_guest(cls) -> RAM:
        """The RAM of the guest, from the flat view that QEMU's monitor prints."""
        text = monitor("info mtree -f")
        regions = [] if text is None else cls.parse(text)
        if not regions:
            raise Problem("the stub does not say where the guest's RAM is (`monitor info mtree -f`): is it QEMU's?")
        return cls(regions)

    @staticmethod
    def parse(text: str) -> list[tuple[int, int]]:
        """The RAM of the address space `memory` with the root `system`."""
        regions: list[tuple[int, int]] = []
        is_wanted = is_found = False
        for line in text.splitlines():
            if line.startswith("FlatView"):
                if is_found:
                    break
                is_wanted = False
            elif line.startswith(' AS "memory", root: system'):
                is_wanted = is_found = True
            elif is_wanted and (row := _ROW.fullmatch(line)) and not row[3].endswith("[disabled]"):
                regions.append((int(row[1], 16), int(row[2], 16) + 1))
        return regions


class PhysicalMemory:
    """Reads physical memory of a guest that stands still; what is read around single words is kept."""

    def __init__(self, ram: RAM) -> None:
        self.ram = ram
        self._kept: dict[int, bytes] = {}
        self._is_held = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Several reads in a row, for which the stub is told once; gdb itself must not read memory meanwhile."""
        if self._is_held:
            yield
            return
        with _physical_mode():
            self._is_held = True
            try:
                yield
            finally:
                self._is_held = False

    def read(self, address: int, count: int) -> bytes:
        """Copies memory."""
        self._require_ram(address, count)
        with self.held():
            return _read(address, count)

    def chunks(self, pieces: list[tuple[int, int]]) -> Iterator[bytes]:
        """Copies pieces of memory (address, bytes) chunk by chunk; gdb is itself between two chunks."""
        for address, count in pieces:
            self._require_ram(address, count)
            for offset in range(0, count, CHUNK):
                with self.held():
                    data = _read(address + offset, min(CHUNK, count - offset))
                yield data

    def word(self, address: int) -> int:
        """The 8 bytes at an address that is a multiple of 8."""
        start = address & -KEPT
        kept = self._kept.get(start)
        if kept is None:
            kept = self._kept[start] = self.read(start, KEPT)
        return int.from_bytes(kept[address - start : address - start + 8], "little")

    def _require_ram(self, address: int, count: int) -> None:
        if not self.ram.holds(address, count):
            raise ReadProblem(
                f"physical {address:#x} is not RAM: the guest has {byte_count(self.ram.size)} up to {self.ram.end:#x}"
            )


def _read(address: int, count: int) -> bytes:
    try:
        return bytes(gdb.selected_inferior().read_memory(address, count))
    except gdb.MemoryError as error:
        raise ReadProblem(f"physical {address:#x} cannot be read: {one_line(str(error))}") from error


@contextmanager
def _physical_mode() -> Iterator[None]:
    """While it lasts, addresses are physical ones; whatever ends it, what was set before is set again."""
    require_stopped()
    before = packet("qqemu.PhyMemMode")
    if before not in ("0", "1"):
        raise Problem("the stub cannot read physical memory (no qqemu.PhyMemMode): only QEMU's can")
    try:
        if before == "0":
            _set_mode("1")
        yield
    finally:
        if before == "0":
            _restore_mode()


def _set_mode(mode: str) -> None:
    answer = packet(f"Qqemu.PhyMemMode:{mode}")
    if answer != "OK":
        raise Problem(f"the stub refuses to read physical memory: {answer or 'no answer'}")


def _restore_mode() -> None:
    """Sets addresses to virtual ones again, even when Ctrl-C comes in the middle of it."""
    try:
        _set_mode("0")
    except KeyboardInterrupt:
        _set_mode("0")
        raise
