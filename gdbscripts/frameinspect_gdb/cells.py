"""Follows once-cells, locks, options and other wrappers from an anchor to what is inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gdb

from .errors import Problem
from .profile import number as profile_number
from .trees import Number
from .types import Member, members, number, only_member, place, plain_name, variant

_WRAPPERS = 48


@dataclass(frozen=True)
class Guard:
    """A word that says whether the value beside it can be believed."""

    #: `once` or `lock`.
    kind: str
    type: str
    word: Number
    accepted: int


@dataclass
class CellPath:
    """Where a value lies behind the wrappers of an anchor, and the words to check before it is believed."""

    offset: int = 0
    guards: list[Guard] = field(default_factory=list)

    def check(self, name: str, anchor: int, read: Callable[[int, int], bytes]) -> str | None:
        """Nothing, or the sentence that it may be half changed; raises where it is not set up."""
        held = None
        for guard in self.guards:
            where = anchor + guard.word.offset
            value = int.from_bytes(read(where, guard.word.width), "little")
            if value == guard.accepted:
                continue
            if guard.kind == "once":
                raise Problem(f"{name} is not set up yet: the state of its {guard.type} at {where:#x} is {value}")
            held = f"{name} is mid-change: the word of its {guard.type} at {where:#x} is {value}, so somebody holds it"
        return held


def find(
    cells: list[dict[str, Any]], start: gdb.Type, path: str, last: Callable[[gdb.Type], bool]
) -> tuple[CellPath, gdb.Type]:
    """Follows wrappers and the members of a path until a type that `last` accepts."""
    rest = [name for name in path.split(".") if name]
    result = CellPath()
    kind = start.strip_typedefs()
    for _ in range(_WRAPPERS):
        if not rest and last(kind):
            return result, kind
        following = _step(cells, kind, rest, result)
        if following is None:
            break
        result.offset += following.offset
        kind = following.type
    raise Problem(f"inside {start.name} is not what the profile says: what is there is {kind.name}")


def _step(cells: list[dict[str, Any]], kind: gdb.Type, rest: list[str], result: CellPath) -> Member | None:
    cell = next((cell for cell in cells if cell["type"] == plain_name(kind)), None)
    if cell is not None:
        state = number(kind, cell["state"])
        word = Number(result.offset + state.offset, state.width)
        result.guards.append(Guard(cell["kind"], cell["type"], word, profile_number(cell["ready"])))
        return place(kind, cell["content"])
    if rest and any(name == rest[0] for name, _ in members(kind)):
        return place(kind, rest.pop(0))
    if plain_name(kind) == "Option":
        return variant(kind, "Some")
    return only_member(kind)
