"""The kernel's image that gdb has: its sections, and whether the guest runs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

import gdb

from .console import output
from .errors import Problem

#: How many pieces of code are compared with the guest, and how long each is.
SAMPLES = 24
SAMPLE_BYTES = 64

_SECTION = re.compile(r"\s*\[\d+\]\s+0x([0-9a-f]+)->0x([0-9a-f]+) at 0x([0-9a-f]+): (\S+) (.*)")


@dataclass(frozen=True)
class Section:
    """A section that is in memory: where, and where its bytes are in the file."""

    start: int
    end: int
    file_offset: int
    name: str
    is_code: bool
    has_bytes: bool


class Image:
    """The image of the kernel."""

    def __init__(self, objfile: gdb.Objfile) -> None:
        self.objfile = objfile
        self.path: str = objfile.filename or ""
        self.build_id: str | None = objfile.build_id
        self.sections = _sections(self.path)

    @property
    def identity(self) -> str:
        """Path and build id."""
        return f"{self.path} (build id {self.build_id})" if self.build_id else self.path

    def section(self, address: int) -> str | None:
        """Name of the section that holds an address."""
        return next((part.name for part in self.sections if part.start <= address < part.end), None)

    def compare(self) -> str:
        """Compares pieces of the guest's code with the image's; returns what was found equal, in words."""
        samples = self._samples()
        if not samples:
            return "the image has no code to compare"
        equal = 0
        first: tuple[int, bytes, bytes] | None = None
        for address, expected in samples:
            try:
                found = bytes(gdb.selected_inferior().read_memory(address, len(expected)))
            except gdb.MemoryError as error:
                raise Problem(
                    f"the guest does not run {self.identity}: its code would be at {address:#x}, where the guest has "
                    "nothing mapped; the kernel has not started yet, or it is another one"
                ) from error
            if found == expected:
                equal += 1
            elif first is None:
                first = (address, expected, found)
        if first is not None:
            address, expected, found = first
            raise Problem(
                f"the guest does not run {self.identity}: {len(samples) - equal} of {len(samples)} pieces of code "
                f"differ; at {address:#x} the image has {expected[:16].hex(' ')}, the guest has {found[:16].hex(' ')}; "
                "give gdb the ELF file that the guest was booted from with `file KERNEL`"
            )
        return f"{equal} pieces of code are equal in image and guest"

    def _samples(self) -> list[tuple[int, bytes]]:
        """Pieces of code from all over the largest section: boot code runs where it is loaded and may be gone."""
        code = [
            part for part in self.sections if part.is_code and part.has_bytes and part.end - part.start >= SAMPLE_BYTES
        ]
        if not code:
            return []
        section = max(code, key=lambda part: part.end - part.start)
        size = section.end - section.start
        step = max(SAMPLE_BYTES, size // SAMPLES)
        offsets = range(0, size - SAMPLE_BYTES + 1, step)[:SAMPLES]
        try:
            with open(self.path, "rb") as file:
                return [(section.start + offset, _piece(file, section.file_offset + offset)) for offset in offsets]
        except OSError as error:
            raise Problem(f"the image {self.path} cannot be read: {error.strerror}") from error


def main_objfile() -> gdb.Objfile:
    """The file that gdb was given as the kernel's image."""
    space = gdb.current_progspace()
    objfiles = [objfile for objfile in space.objfiles() if objfile.is_valid() and objfile.owner is None]
    main = [objfile for objfile in objfiles if objfile.filename == space.filename] or objfiles
    if not main:
        raise Problem(
            "gdb has no image of the kernel: type `file KERNEL` with the ELF file that the guest was booted from"
        )
    return main[0]


def _piece(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(SAMPLE_BYTES)


def _sections(path: str) -> list[Section]:
    result: list[Section] = []
    is_wanted = False
    for line in output("maintenance info sections -all-objects").splitlines():
        match = _SECTION.fullmatch(line)
        if match is None:
            is_wanted = f"`{path}'" in line
        elif is_wanted and "ALLOC" in match[5].split():
            flags = match[5].split()
            result.append(
                Section(
                    int(match[1], 16), int(match[2], 16), int(match[3], 16), match[4], "CODE" in flags, "LOAD" in flags
                )
            )
    return result
