"""Reads a WHERE expression into a test of frames: or binds weakest, then and, then not, then comparisons."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import NamedTuple

from ..errors import WhereProblem
from ..layout import Layout, Slot
from ..states import GROUPS, STATES, State
from .suggestion import closest
from .tokens import Token, tokens_of

#: How deep parentheses and negations may nest.
MAXIMUM_DEPTH = 64

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ALIASES = {"pfn": "frame", "phys": "address", "addr": "address", "references": "refcount"}
_ABSENT = ("unused", "none")


class Row(NamedTuple):
    """What an expression can ask of a frame; `zone` is the lower-case name, `none` for frames without one."""

    slot: Slot
    frame: int
    state: State
    zone: str


Test = Callable[[Row], bool]
Reader = Callable[[Row], "int | None"]


class Filter(NamedTuple):
    """A compiled expression."""

    matches: Test
    #: Whether frames of equal slots, state and zone may differ.
    needs_frame: bool


class _Side(NamedTuple):
    """One side of a comparison: kind, the text, and what the kind needs."""

    kind: str
    name: str = ""
    read: Reader | None = None
    number: int = 0
    is_optional: bool = False
    states: frozenset[State] = frozenset()
    mask: int = 0


def compile_where(expression: str, layout: Layout, zones: tuple[str, ...] = ()) -> Filter:
    """Compiles an expression for one kernel."""
    parser = _Parser(expression, layout, zones)
    test = parser.parse()
    return Filter(test, parser.needs_frame)


def words(layout: Layout, zones: tuple[str, ...] = ()) -> list[str]:
    """Every word that may stand in an expression, for completion."""
    result = _field_names(layout) + list(STATES) + list(GROUPS)
    result += [f"flags.{bit.name}" for bit in layout.profile.flags]
    result += [f"guard.{bit.name}" for bit in layout.profile.guards]
    return result + list(zones) + list(_ABSENT)


def _field_names(layout: Layout) -> list[str]:
    fields = ["next", "prev", "vtable", "flags", "order", "refcount", "generation", "guard", "aux"]
    return ["address", "frame"] + [name for name in fields if layout.has(name)] + ["state", "zone"]


class _Parser:
    def __init__(self, expression: str, layout: Layout, zones: tuple[str, ...]) -> None:
        self._layout = layout
        self._zones = zones
        self._tokens = tokens_of(expression)
        self._position = 0
        self._depth = 0
        self.needs_frame = False

    def parse(self) -> Test:
        """The test of the whole expression."""
        if self._current.kind == "end":
            raise self._failure("the expression is empty; write for example 'flags.USER && refcount > 1'")
        test = self._or()
        if self._current.kind == "close":
            raise self._failure("this parenthesis closes nothing")
        if self._current.kind != "end":
            raise self._failure("an operator is missing here: ==, !=, <, >, && or ||")
        return test

    @property
    def _current(self) -> Token:
        return self._tokens[self._position]

    def _failure(self, message: str, at: Token | None = None) -> WhereProblem:
        return WhereProblem(message, (at or self._current).column)

    def _advance(self) -> Token:
        token = self._current
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def _or(self) -> Test:
        parts = [self._and()]
        while self._current.kind == "or":
            self._advance()
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _and(self) -> Test:
        parts = [self._not()]
        while self._current.kind == "and":
            self._advance()
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _not(self) -> Test:
        self._depth += 1
        try:
            if self._depth > MAXIMUM_DEPTH:
                raise self._failure(f"parentheses and negations are nested more than {MAXIMUM_DEPTH} deep")
            if self._current.kind == "not":
                self._advance()
                return _negated(self._not())
            if self._current.kind == "open":
                opened = self._advance()
                inner = self._or()
                if self._current.kind != "close":
                    raise self._failure("the parenthesis is not closed", opened)
                self._advance()
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Test:
        start = self._current
        left = self._side(None)
        if self._current.kind != "comparison":
            if left.kind == "bits":
                return _any_bit(left)
            if left.kind == "states":
                return _in_states(left.states)
            raise self._failure("a comparison is missing here: ==, !=, <, <=, > or >=")
        sign = self._advance()
        return self._compare(left, sign, self._side(left), start)

    def _compare(self, left: _Side, sign: Token, right: _Side, start: Token) -> Test:
        kinds = (left.kind, right.kind)
        if kinds == ("operand", "number"):
            return _with_number(left, sign.text, right.number)
        if kinds == ("number", "operand"):
            return _with_number(right, _MIRRORED[sign.text], left.number)
        if kinds == ("operand", "operand"):
            return _with_operand(left, sign.text, right)
        if set(kinds) == {"operand", "absent"}:
            return self._absence(left if left.kind == "operand" else right, sign)
        if kinds == ("bits", "number") and right.number < 2:
            test = self._equality(_any_bit(left), sign, "a flag")
            return test if right.number else _negated(test)
        if set(kinds) == {"state", "states"}:
            return self._equality(_in_states(left.states | right.states), sign, "a state")
        if set(kinds) == {"zone", "zonename"}:
            return self._equality(_in_zone(left.name if left.kind == "zonename" else right.name), sign, "a zone")
        if kinds == ("absent", "zone"):
            return self._equality(_in_zone("none"), sign, "a zone")
        if "state" in kinds:
            known = ", ".join(self._state_names)
            raise self._failure(f"state is compared with the name of a state: {known}", sign)
        if "zone" in kinds:
            known = ", ".join([*self._zones, "none"])
            raise self._failure(f"zone is compared with the name of a zone: {known}", sign)
        if kinds == ("number", "number"):
            raise self._failure("both sides are numbers; one must be a field of the frame", start)
        raise self._failure("these two cannot be compared", sign)

    def _equality(self, test: Test, sign: Token, what: str) -> Test:
        if sign.text not in ("==", "!="):
            raise self._failure(f"{what} can be compared with == and != only", sign)
        return test if sign.text == "==" else _negated(test)

    def _absence(self, operand: _Side, sign: Token) -> Test:
        if not operand.is_optional:
            raise self._failure(f"{operand.name} is always there: none and unused fit next, prev and refcount", sign)
        read = operand.read
        return self._equality(lambda row: read is not None and read(row) is None, sign, "none and unused")

    def _side(self, other: _Side | None) -> _Side:
        token = self._current
        if token.kind == "number":
            self._advance()
            return _Side("number", number=token.value)
        if token.kind == "name":
            self._advance()
            return self._named(token, other)
        if token.kind == "end":
            raise self._failure("the expression ends here, but a field or a number is missing")
        raise self._failure("a field or a number is missing here")

    def _named(self, token: Token, other: _Side | None) -> _Side:
        name = token.text.lower()
        for prefix, field, bits, what in (
            ("flags.", "flags", self._layout.profile.flags, "flag"),
            ("guard.", "guard", self._layout.profile.guards, "guard bit"),
        ):
            if name.startswith(prefix):
                return self._bit(token, field, {bit.name: bit.mask for bit in bits}, what)
        is_zone = name == "none" or name in (zone.lower() for zone in self._zones)
        if other is not None and other.kind == "zone" and is_zone:
            return _Side("zonename", name)
        if name in ("state", "zone"):
            return _Side(name)
        field = self._operand(name, token)
        if field is not None:
            return field
        if name in _ABSENT:
            return _Side("absent")
        if name == "default" and self._layout.has("vtable"):
            return _Side("number", number=self._layout.vtable_default)
        if name in STATES:
            return _Side("states", states=frozenset([STATES[name]]))
        if name in GROUPS:
            return _Side("states", states=frozenset(GROUPS[name]))
        if is_zone:
            return _Side("zonename", name)
        raise self._unknown(token, other)

    def _unknown(self, token: Token, other: _Side | None) -> WhereProblem:
        if other is not None and other.kind == "state":
            known = self._state_names
        elif other is not None and other.kind == "zone":
            known = [*self._zones, "none"]
        else:
            known = _field_names(self._layout) + self._state_names
        near = closest(token.text, known)
        hint = f"did you mean {near}?" if near else "there are: " + ", ".join(known)
        return self._failure(f"there is no {token.text} here; {hint}", token)

    def _bit(self, token: Token, field: str, bits: dict[str, int], what: str) -> _Side:
        place = self._layout.places[field]
        name = token.text[6:]
        if not place.is_present:
            raise self._failure(f"this kernel's slots have no {what}s", token)
        index = Slot._fields.index(field)
        for known, mask in bits.items():
            if known.lower() == name.lower():
                return _Side("bits", read=lambda row: row.slot[index], mask=mask)
        digits = name[3:]
        if name.lower().startswith("bit") and digits.isdecimal() and int(digits) < place.mask.bit_count():
            return _Side("bits", read=lambda row: row.slot[index], mask=1 << int(digits))
        near = closest(name, bits)
        hint = f"did you mean {near}?" if near else "there are: " + ", ".join(bits)
        raise self._failure(f"this kernel has no {what} {name}; {hint}", token)

    def _operand(self, name: str, token: Token) -> _Side | None:
        field = _ALIASES.get(name, name)
        if field == "frame":
            self.needs_frame = True
            return _Side("operand", name, lambda row: row.frame)
        if field == "address":
            self.needs_frame = True
            return _Side("operand", name, lambda row: row.frame << 12)
        if field not in Slot._fields:
            return None
        if not self._layout.has(field):
            known = "refcount" if field == "refcount" else name
            raise self._failure(f"this kernel's slots have no {known}", token)
        index = Slot._fields.index(field)
        layout = self._layout
        if field == "refcount":
            return _Side("operand", name, lambda row: layout.references(row.slot[index]), is_optional=True)
        if field in ("next", "prev"):
            return _Side("operand", name, _link(index, layout.link_none), is_optional=True)
        return _Side("operand", name, lambda row: row.slot[index])

    @property
    def _state_names(self) -> list[str]:
        return list(STATES) + list(GROUPS)


def _link(index: int, none: int) -> Reader:
    return lambda row: None if row.slot[index] == none else row.slot[index]


def _negated(test: Test) -> Test:
    return lambda row: not test(row)


def _any_bit(side: _Side) -> Test:
    read, mask = side.read, side.mask
    return lambda row: read is not None and (read(row) or 0) & mask != 0


def _in_states(states: frozenset[State]) -> Test:
    return lambda row: row.state in states


def _in_zone(name: str) -> Test:
    return lambda row: row.zone == name


def _with_number(side: _Side, sign: str, number: int) -> Test:
    read, holds, absent = side.read, _COMPARISONS[sign], sign == "!="

    def test(row: Row) -> bool:
        value = read(row) if read else None
        return absent if value is None else holds(value, number)

    return test


def _with_operand(left: _Side, sign: str, right: _Side) -> Test:
    first, second, holds, absent = left.read, right.read, _COMPARISONS[sign], sign == "!="

    def test(row: Row) -> bool:
        one = first(row) if first else None
        two = second(row) if second else None
        return absent if one is None or two is None else holds(one, two)

    return test
