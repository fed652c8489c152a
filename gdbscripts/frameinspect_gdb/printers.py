"""Pretty-printers for the kernel's own types, in a collection of their own."""

from __future__ import annotations

from collections.abc import Iterator

import gdb
import gdb.printing

from . import types
from .errors import Problem
from .layout import Slot
from .profile import FIELDS
from .render import slot_meaning
from .session import Session
from .states import State, facts, is_head, verdict
from .symbols import describe
from .text import WORD, plural

COLLECTION = "frameinspect"

#: Types of the ownership table's keys and values; which ones they are, debug information says.
_OWNERSHIP = ("BlockHandle", "OwnerEntry")


class SlotPrinter:
    """A slot: its state where it lies in the table, and the fields in words."""

    def __init__(self, session: Session, value: gdb.Value) -> None:
        self._session = session
        self._value = value
        self._layout = session.facts().layout
        neutral = self._layout.decode(bytes(self._layout.stride))
        read = {name: scalar(value, session.profile().fields[name].member) for name in FIELDS if self._layout.has(name)}
        self._slot: Slot = neutral._replace(**read)

    def to_string(self) -> str:
        """State and frame."""
        if self._value.address is None:
            return "MetaSlot"
        try:
            kernel = self._session.kernel()
            table = kernel.table
        except (Problem, gdb.error):
            return "MetaSlot"
        index, rest = divmod((int(self._value.address) & WORD) - table.base, table.stride)
        if rest or not 0 <= index < table.count:
            return "MetaSlot outside the frame table"
        frame = index + table.index_base
        known = verdict(self._layout, facts(self._layout, self._slot, is_head(frame, min(self._slot.order, 255))))
        if known.state is State.FREE_UNLINKED:
            known = kernel.books.resolve(known, frame)
        return f"MetaSlot of frame {frame << 12:#x}, {known.state.label}"

    def children(self) -> Iterator[tuple[str, str]]:
        """The fields with their meaning."""
        for name in FIELDS:
            if self._layout.has(name):
                number = getattr(self._slot, name)
                meaning = "" if name == "vtable" else slot_meaning(name, self._layout, self._slot)
                if name == "vtable" and number:
                    meaning = describe(number, None).symbol or ""
                member = self._session.profile().fields[name].member
                yield member, f"{number:#x}" + (f" ({meaning})" if meaning else "")


class VtablePrinter:
    """A vtable: its hooks by name."""

    def __init__(self, session: Session, value: gdb.Value) -> None:
        self._names = session.profile().vtable
        self._value = value

    def to_string(self) -> str:
        """The type."""
        return "FrameMetaVtable"

    def children(self) -> Iterator[tuple[str, str]]:
        """The hooks, and what should be zero and is not."""
        if self._names is None:
            return
        for field in (self._names.on_last_ref, self._names.on_unmap):
            if field is not None:
                hook = first_word(self._value[field.member])
                place = describe(hook, None) if hook else None
                yield field.member, "None" if place is None else f"{hook:#x} <{place.symbol or '?'}>"
        if self._names.reserved:
            words = self._value[self._names.reserved["member"]]
            low, high = words.type.range()
            reserved = [int(words[index]) & WORD for index in range(low, high + 1)]
            if any(reserved):
                yield self._names.reserved["member"], "{" + ", ".join(f"{word:#x}" for word in reserved) + "}"


class HandlePrinter:
    """The name of a block."""

    def __init__(self, session: Session, value: gdb.Value) -> None:
        key = session.profile().tree["ownership"]["key"]
        self._base = scalar(value, key["base"])
        self._order = scalar(value, key["order"])

    def to_string(self) -> str:
        """The block's frames."""
        frames = 1 << min(self._order, 40)
        return f"BlockHandle {self._base:#x}..{self._base + frames * 4096:#x}, order {self._order}"


class EntryPrinter:
    """The record of a block."""

    def __init__(self, session: Session, value: gdb.Value) -> None:
        names = session.profile().tree["ownership"]
        entry = names["entry"]
        self._states: list[str] = names.get("states", [])
        self._state = scalar(value, entry["state"])
        self._refcount = scalar(value, entry["refcount"])
        self._pins = scalar(value, entry["transientRefs"])

    def to_string(self) -> str:
        """State and references."""
        state = self._states[self._state] if self._state < len(self._states) else str(self._state)
        return f"OwnerEntry {state}, {plural(self._refcount, 'reference')}, {plural(self._pins, 'pin')}"


class Lookup(gdb.printing.PrettyPrinter):
    """Finds the printer of a value: only the types that the profile means are ours."""

    def __init__(self, session: Session) -> None:
        super().__init__(
            COLLECTION, [gdb.printing.SubPrettyPrinter(name) for name in ("MetaSlot", "FrameMetaVtable", *_OWNERSHIP)]
        )
        self._session = session

    def __call__(self, value: gdb.Value) -> object:
        """Called by gdb with every value."""
        name = value.type.strip_typedefs().name
        if not name or value.type.strip_typedefs().code != gdb.TYPE_CODE_STRUCT:
            return None
        try:
            return self._printer(value, name.rsplit("::", 1)[-1])
        except (Problem, gdb.error, KeyError):
            # A value that cannot be read is printed as gdb prints it.
            return None

    def _printer(self, value: gdb.Value, last: str) -> object:
        profile = self._session.profile()
        kinds = [(profile.slot_type, "MetaSlot", SlotPrinter)]
        if profile.vtable is not None:
            kinds.append((profile.vtable.type, "FrameMetaVtable", VtablePrinter))
        for path, label, printer in kinds:
            if path.rsplit("::", 1)[-1] == last and types.has_path(value.type, path) and self._is_enabled(label):
                return printer(self._session, value)
        if last in _OWNERSHIP and self._is_enabled(last):
            own = self._session.facts().ownership_types
            if own is not None and value.type.strip_typedefs().name == own[_OWNERSHIP.index(last)]:
                return (HandlePrinter, EntryPrinter)[_OWNERSHIP.index(last)](self._session, value)
        return None

    def _is_enabled(self, label: str) -> bool:
        return any(printer.name == label and printer.enabled for printer in self.subprinters)


def scalar(value: gdb.Value, path: str) -> int:
    """The number at a path of members, wrappers seen through."""
    for name in filter(None, path.split(".")):
        value = value[name]
    return first_word(value)


def first_word(value: gdb.Value) -> int:
    """The one number inside wrappers; 0 for an option that is empty."""
    for _ in range(16):
        kind = value.type.strip_typedefs()
        if not types.is_compound(kind):
            return int(value) & (1 << 8 * kind.sizeof) - 1
        fields = [field for field in kind.fields() if field.type.sizeof and not field.artificial]
        if not fields or fields[0].name == "None":
            return 0
        value = value[fields[0]]
    raise Problem(f"the type {value.type} is no number")


def register(session: Session) -> None:
    """Adds the collection; sourcing again replaces it."""
    gdb.printing.register_pretty_printer(None, Lookup(session), replace=True)
