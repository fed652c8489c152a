"""The kernel's profile: names, sentinels and bits, from the file that inspectd reads as well."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from .errors import Problem
from .text import WORD, parse_size

#: Names another profile than the one beside these scripts.
ENVIRONMENT = "FRAMEINSPECT_PROFILE"
#: The fields of a slot, in the order in which inspectd lists them.
FIELDS = ("next", "prev", "vtable", "flags", "order", "refcount", "generation", "guard", "aux")

_STANDARD = os.path.join("Sources", "FrameInspect", "Profile", "Resources", "strat9.json")


@dataclass(frozen=True)
class FlagBit:
    """One named bit of a slot's flags or guard word."""

    name: str
    bit: int
    letter: str
    text: str
    role: str | None

    @property
    def mask(self) -> int:
        """The bit's value in its word."""
        return 1 << self.bit if 0 <= self.bit < 64 else 0


@dataclass(frozen=True)
class Field:
    """A field of a structure: its name in debug information, and where it is when there is none."""

    member: str
    offset: int
    width: int
    shift: int
    bits: int | None


@dataclass(frozen=True)
class VtableNames:
    """What a frame's vtable looks like."""

    type: str
    size: int
    alignment: int
    default_value: int
    default_anchor: str | None
    on_last_ref: Field | None
    on_unmap: Field | None
    reserved: dict[str, Any] | None


class Profile:
    """One kernel's profile; what these scripts do not need stays in `tree`."""

    def __init__(self, tree: dict[str, Any], path: str) -> None:
        self.path = path
        self.tree = tree
        try:
            self._read(tree)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Problem(f"the profile {path} cannot be used: {error!r} is missing or of the wrong kind") from error

    def _read(self, tree: dict[str, Any]) -> None:
        self.name: str = tree["name"]
        self.anchors: dict[str, str] = dict(tree["anchors"])
        self.direct_map: str | None = tree.get("directMap")
        self.table: dict[str, Any] = tree["table"]
        self.index_base = number(self.table.get("indexBase", 0))
        slot = tree["slot"]
        self.slot_type: str = slot["type"]
        self.stride = int(slot["stride"])
        self.has_fixed_stride = slot.get("fixedStride") is True
        self.fields = {name: _field(slot["fields"][name]) for name in FIELDS if slot["fields"].get(name)}
        self.link_none = number(tree.get("linkNone", 0))
        references = tree.get("references", {})
        self.unused = None if references.get("unused") is None else number(references["unused"])
        self.bias = int(references.get("bias") or 0)
        self.is_signed = references.get("signed") is True
        self.max_order = int(tree["maxOrder"])
        self.flags = tuple(_bit(bit) for bit in tree["flags"])
        self.guards = tuple(_bit(bit) for bit in tree.get("guards", []))
        self.vtable = _vtable(tree["vtable"]) if tree.get("vtable") else None
        self.zone_names: tuple[str, ...] = tuple((tree.get("zones") or {}).get("names", []))

    def path_of(self, anchor: str) -> str:
        """The symbol path of an anchor."""
        return self.anchors.get(anchor, anchor)


def number(value: Any) -> int:
    """A number of a profile: a JSON number, or text like `"0x1000"`."""
    found = parse_size(value) if isinstance(value, str) else value
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= WORD:
        raise ValueError(f"{value!r} as a number")
    return found


def standard_path(scripts: str) -> str:
    """The profile that belongs to the scripts in this folder."""
    return os.path.join(os.path.dirname(os.path.abspath(scripts)), _STANDARD)


def load(path: str) -> Profile:
    """Reads a profile file."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = json.load(file)
    except OSError as error:
        raise Problem(
            f"the profile {path} cannot be read: {error.strerror}; name one with `set fi profile FILE`"
        ) from error
    except ValueError as error:
        raise Problem(f"the profile {path} is no JSON: {error}") from error
    if not isinstance(tree, dict):
        raise Problem(f"the profile {path} is no JSON object")
    return Profile(tree, path)


def _bit(tree: dict[str, Any]) -> FlagBit:
    return FlagBit(tree["name"], int(tree["bit"]), tree["letter"], tree["text"], tree.get("role"))


def _field(tree: dict[str, Any]) -> Field:
    return Field(tree["member"], int(tree["offset"]), int(tree["width"]), int(tree.get("shift") or 0), tree.get("bits"))


def _vtable(tree: dict[str, Any]) -> VtableNames:
    return VtableNames(
        type=tree["type"],
        size=int(tree["size"]),
        alignment=int(tree["alignment"]),
        default_value=number(tree.get("defaultValue") or 0),
        default_anchor=tree.get("defaultAnchor"),
        on_last_ref=_field(tree["onLastRef"]) if tree.get("onLastRef") else None,
        on_unmap=_field(tree["onUnmap"]) if tree.get("onUnmap") else None,
        reserved=tree.get("reserved"),
    )
