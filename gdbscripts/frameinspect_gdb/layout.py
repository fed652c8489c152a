"""Where the fields of a slot are, and how a slot is decoded."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .errors import Problem
from .profile import FIELDS, FlagBit, Profile
from .text import WORD

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Slot(NamedTuple):
    """The fields of one slot as stored; those that a kernel does not have are neutral."""

    next: int
    prev: int
    vtable: int
    flags: int
    order: int
    refcount: int
    generation: int
    guard: int
    aux: int


class FieldPlace(NamedTuple):
    """Where one field is; `mask` is 0 for a field that the kernel does not have."""

    offset: int
    width: int
    shift: int
    mask: int

    @property
    def is_present(self) -> bool:
        """Whether the kernel has the field."""
        return self.mask != 0

    def load(self, data: bytes, start: int) -> int:
        """The field's value in the slot that starts there."""
        place = start + self.offset
        return int.from_bytes(data[place : place + self.width], "little") >> self.shift & self.mask


ABSENT = FieldPlace(0, 0, 0, 0)


class Layout:
    """A kernel's slot: offsets, sentinels, and the bits that states depend on."""

    def __init__(
        self, profile: Profile, stride: int | None = None, placements: dict[str, tuple[int, int]] | None = None
    ) -> None:
        """`placements` are offset and width of every field that was found; None: the profile's own."""
        self.profile = profile
        self.stride = profile.stride if profile.has_fixed_stride or stride is None else stride
        if not 8 <= self.stride <= 4096:
            raise Problem(f"the kernel's slot type {profile.slot_type} has {self.stride} bytes; 8 to 4096 can be read")
        self.places = {name: self._place(name, placements) for name in FIELDS}
        if not self.has("flags") and not self.has("refcount"):
            raise Problem(f"the kernel's slot type {profile.slot_type} has neither flags nor a refcount")
        self.index_base = profile.index_base
        self.link_none = profile.link_none
        self.vtable_default = profile.vtable.default_value if profile.vtable else 0
        refcount = self.places["refcount"].mask
        self.refcount_unused = profile.unused if refcount else None
        self.refcount_sign = (refcount >> 1) + 1 if profile.is_signed and refcount else 0
        self.max_order = max(0, min(profile.max_order, 40))
        flags = self.places["flags"].mask
        self.allocated_mask, self.free_mask, self.kernel_mask, self.user_mask, self.poisoned_mask = (
            _mask(profile.flags, role) & flags for role in ("allocated", "free", "kernel", "user", "poisoned")
        )
        self.guard_poisoned_mask = _mask(profile.guards, "poisoned") & self.places["guard"].mask
        self._prepare_decoder()

    def has(self, name: str) -> bool:
        """Whether the kernel has the field."""
        return self.places[name].is_present

    def _place(self, name: str, placements: dict[str, tuple[int, int]] | None) -> FieldPlace:
        field = self.profile.fields.get(name)
        if field is None or (placements is not None and name not in placements):
            return ABSENT
        offset, width = (field.offset, field.width) if placements is None else placements[name]
        bits = field.bits if field.bits is not None else width * 8 - field.shift
        if width not in _CODES or not 0 <= offset <= self.stride - width or not 0 < bits <= width * 8 - field.shift:
            raise Problem(
                f"field {field.member} (offset {offset}, {width} bytes) does not fit a slot of {self.stride} bytes: "
                f'does "slot.fields.{name}" of the profile name the right member?'
            )
        return FieldPlace(offset, width, field.shift, WORD >> (64 - bits))

    def _prepare_decoder(self) -> None:
        """Prepares one unpacking for all fields, where each has bytes of its own and in whole."""
        neutral = {"next": self.link_none, "prev": self.link_none, "vtable": self.vtable_default}
        self._neutral = [neutral.get(name, 0) for name in FIELDS]
        present = sorted((place.offset, place.width, name) for name, place in self.places.items() if place.is_present)
        form, end, is_plain = "<", 0, True
        for offset, width, name in present:
            place = self.places[name]
            is_plain = is_plain and offset >= end and place.shift == 0 and place.mask == WORD >> (64 - 8 * width)
            form += f"{max(0, offset - end)}x{_CODES[width]}"
            end = offset + width
        self._unpack = struct.Struct(form).unpack_from if is_plain else None
        order = [name for _, _, name in present]
        self._picks = [order.index(name) if name in order else -1 for name in FIELDS]
        self._is_whole = is_plain and order == list(FIELDS)

    def decode(self, data: bytes, start: int = 0) -> Slot:
        """Decodes the slot that starts there; there are at least the stride's bytes."""
        if self._unpack is not None:
            values = self._unpack(data, start)
            # Where all fields are there in their usual order nothing needs to be picked: whole tables are decoded so.
            if self._is_whole:
                return Slot._make(values)
            return Slot(*[values[pick] if pick >= 0 else none for pick, none in zip(self._picks, self._neutral)])
        places = (self.places[name] for name in FIELDS)
        return Slot(*[place.load(data, start) if place.mask else none for place, none in zip(places, self._neutral)])

    def references(self, stored: int) -> int | None:
        """The references that a stored count stands for; None for the mark for "unused"."""
        if stored == self.refcount_unused or not self.has("refcount"):
            return None
        return self.counted(stored)

    def counted(self, stored: int) -> int:
        """The number that a stored count stands for, in two's complement."""
        extended = stored | ~self.places["refcount"].mask if stored & self.refcount_sign else stored
        return (extended + self.profile.bias) & WORD

    def is_linked(self, slot: Slot) -> bool:
        """Whether one of the links is set."""
        return slot.next != self.link_none or slot.prev != self.link_none

    def flag_names(self, flags: int) -> list[str]:
        """Names of the flags that are set, lowest first."""
        return _names(flags, self.profile.flags)

    def guard_names(self, word: int) -> list[str]:
        """Names of the guard bits that are set, lowest first."""
        return _names(word, self.profile.guards)

    def flag_letters(self, flags: int) -> str:
        """One letter per flag, lowest bit first; `_` where it is not set."""
        bits = sorted(self.profile.flags, key=lambda bit: bit.bit)
        return "".join(bit.letter if flags & bit.mask else "_" for bit in bits)


def _mask(bits: tuple[FlagBit, ...], role: str) -> int:
    return sum(bit.mask for bit in bits if bit.role == role)


def _names(word: int, bits: tuple[FlagBit, ...]) -> list[str]:
    known = {bit.bit: bit.name for bit in reversed(bits)}
    return [known.get(bit, f"bit{bit}") for bit in range(word.bit_length()) if word >> bit & 1]
