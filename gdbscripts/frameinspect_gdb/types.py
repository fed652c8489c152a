"""Types of the kernel as gdb has them from debug information: members by path, wrappers seen through."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import gdb

from .console import output
from .errors import Problem
from .symbols import ends_with
from .trees import Number, RowPlace

_DEPTH = 48
#: The library's wrappers for memory that may not be initialised.
_CELLS = ("MaybeUninit", "ManuallyDrop", "MaybeDangling", "UnsafeCell")
_SIZES = (1, 2, 4, 8)


class Member(NamedTuple):
    """A part of a structure: first byte, and type."""

    offset: int
    type: gdb.Type


def find_type(path: str, prefixes: Iterable[str]) -> gdb.Type | None:
    """The type at the end of a path; `prefixes` are what its crate and modules may be."""
    for prefix in prefixes:
        found = _lookup(prefix + path)
        if found is not None:
            return found
    last = path.rsplit("::", 1)[-1]
    text = output(f"info types -q ::{re.escape(last)}$")
    for name in re.findall(r"([\w:]+);?$", text, re.MULTILINE):
        if ends_with(name, path) and (found := _lookup(name)) is not None:
            return found
    return None


def _lookup(name: str) -> gdb.Type | None:
    try:
        found = gdb.lookup_type(name).strip_typedefs()
    except gdb.error:
        return None
    # A declaration has no size.
    return found if found.sizeof else None


def has_path(kind: gdb.Type, path: str) -> bool:
    """Whether a type's name ends with a path."""
    name = kind.strip_typedefs().name
    return name is not None and ends_with(name, path)


def plain_name(kind: gdb.Type) -> str:
    """The name without path and generic arguments: `BTreeMap`."""
    name, depth = "", 0
    for character in kind.name or "":
        depth += character == "<"
        name += "" if depth else character
        depth -= character == ">"
    return name.rsplit("::", 1)[-1]


def is_array(kind: gdb.Type) -> bool:
    """Whether it is elements in a row."""
    return kind.code == gdb.TYPE_CODE_ARRAY


def array_count(kind: gdb.Type) -> int:
    """The number of elements of an array."""
    low, high = kind.range()
    return max(0, high - low + 1)


def is_compound(kind: gdb.Type) -> bool:
    """Whether it has members."""
    return kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


def members(kind: gdb.Type) -> list[tuple[str, Member]]:
    """The members that take room, by name; the discriminant of an enumeration is none."""
    if not is_compound(kind):
        return []
    result = []
    for field in kind.fields():
        if field.type is not None and field.type.sizeof and not field.artificial and hasattr(field, "bitpos"):
            result.append((field.name or "", Member(field.bitpos // 8, field.type.strip_typedefs())))
    return result


def only_member(kind: gdb.Type) -> Member | None:
    """The only member that takes room."""
    found = members(kind)
    return found[0][1] if len(found) == 1 else None


def place(kind: gdb.Type, path: str) -> Member:
    """The member at a path, wrappers included."""
    offset = 0
    for name in filter(None, path.split(".")):
        found = _named(kind, name)
        if found is None:
            known = ", ".join(name for name, _ in members(kind))
            raise Problem(f"the type {kind.name} has no member {name}" + (f"; it has {known}" if known else ""))
        offset += found.offset
        kind = found.type
    return Member(offset, kind)


def _named(kind: gdb.Type, name: str, depth: int = 0) -> Member | None:
    """The member of a name, also behind wrappers that have it as their only content."""
    for known, member in members(kind):
        if known == name:
            return member
    only = only_member(kind)
    inner = _named(only.type, name, depth + 1) if only is not None and depth < 8 else None
    return Member(only.offset + inner.offset, inner.type) if only is not None and inner is not None else None


def unwrapped(member: Member) -> Member:
    """The single value inside wrappers."""
    offset, kind = member
    for _ in range(_DEPTH):
        only = only_member(kind)
        if only is None or only.type.sizeof != kind.sizeof:
            break
        offset += only.offset
        kind = only.type
    return Member(offset, kind)


def number(kind: gdb.Type, path: str) -> Number:
    """The number at a path; an empty path means the type itself."""
    found = unwrapped(place(kind, path))
    if found.type.sizeof not in _SIZES or is_array(found.type) or members(found.type):
        raise Problem(f"{path or 'the content'} of the type {kind.name} is no number")
    return Number(found.offset, found.type.sizeof)


def array(member: Member) -> tuple[RowPlace, gdb.Type]:
    """The array behind wrappers, and its elements' type."""
    offset, kind = member
    for _ in range(_DEPTH):
        if is_array(kind):
            element = content(kind.target().strip_typedefs())
            return RowPlace(offset, element.sizeof, array_count(kind)), element
        only = only_member(kind)
        if only is None:
            break
        offset += only.offset
        kind = only.type
    raise Problem(f"the type {kind.name} is no array")


def flat_array(member: Member) -> tuple[RowPlace, int]:
    """All numbers of an array of arrays, and how many the innermost array has."""
    count, innermost = 1, 1
    found = unwrapped(member)
    while is_array(found.type):
        innermost = array_count(found.type)
        count *= innermost
        inner = unwrapped(Member(0, found.type.target().strip_typedefs()))
        found = Member(found.offset + inner.offset, inner.type)
    return RowPlace(found.offset, found.type.sizeof, count), innermost


def content(kind: gdb.Type) -> gdb.Type:
    """What is inside the library's wrappers."""
    for _ in range(_DEPTH):
        only = only_member(kind)
        if plain_name(kind) not in _CELLS or only is None or only.offset:
            break
        kind = only.type
    return kind


def pointer(kind: gdb.Type, depth: int = 0) -> Member | None:
    """The first pointer in a type."""
    if kind.code == gdb.TYPE_CODE_PTR:
        return Member(0, kind)
    for _, member in members(kind) if depth < 16 else []:
        found = pointer(member.type, depth + 1)
        if found is not None:
            return Member(member.offset + found.offset, found.type)
    return None


def length_word(kind: gdb.Type, depth: int = 0) -> int | None:
    """Where the first number of 8 bytes is that is no address."""
    if kind.code == gdb.TYPE_CODE_INT and kind.sizeof == 8:
        return 0
    for _, member in members(kind) if depth < 16 else []:
        found = length_word(member.type, depth + 1)
        if found is not None:
            return member.offset + found
    return None


def target(kind: gdb.Type, what: str) -> gdb.Type:
    """What the first pointer in a type leads to."""
    found = pointer(kind)
    if found is None or not found.type.target().sizeof:
        raise Problem(f"the debug information does not say what {what} points to")
    return found.type.target().strip_typedefs()


def variant(kind: gdb.Type, name: str) -> Member | None:
    """The payload of a variant of an enumeration, `Some` of an option for example."""
    if not is_compound(kind):
        return None
    for field in kind.fields():
        if field.name == name and not field.artificial and hasattr(field, "bitpos"):
            return Member(field.bitpos // 8, field.type.strip_typedefs())
    return None
