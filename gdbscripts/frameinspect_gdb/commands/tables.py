"""The commands that read the whole table: `fi summary` and `fi dump`."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from ..session import Session
from ..text import parse_size
from ..where import words
from ..where.tokens import tokens_of
from .base import FiCommand, completions

#: Lines of a dump without a count.
STANDARD_COUNT = 100


class _WhereCommand(FiCommand):
    def complete(self, text: str, word: str) -> list[str]:
        """Called by gdb: the words of an expression."""
        layout = self.session.layout_for_completion()
        return completions(text, word, words(layout, layout.profile.zone_names))


class Summary(_WhereCommand):
    """Count frames by flags, state, order, zone and references.

    Usage: fi summary [WHERE]
    WHERE selects frames: fields (address, frame, refcount, order, ...), flags.NAME, guard.NAME, state, zone;
    comparisons, && || !, parentheses; decimal, hexadecimal, sizes like 4K.

    Example: fi summary
    Example: fi summary flags.USER && refcount > 1"""

    def run(self, argument: str) -> Iterator[str]:
        """Counts and prints."""
        yield from self.source.summary(unquoted(argument) or None)


class Dump(_WhereCommand):
    """Print frames, one per line.

    Usage: fi dump WHERE [COUNT]
    WHERE selects frames as for `fi summary`; at most COUNT of them are printed, 100 without it.

    Example: fi dump state == user && refcount > 1
    Example: fi dump order > 8 20"""

    def run(self, argument: str) -> Iterator[str]:
        """Selects and prints."""
        where, count = divided(argument)
        if not where:
            raise Problem("say which frames, for example: fi dump state == user")
        yield from self.source.dump(where, count)


def unquoted(argument: str) -> str:
    """The argument without quotes around all of it."""
    if len(argument) > 1 and argument[0] in "'\"" and argument[-1] == argument[0]:
        return argument[1:-1]
    return argument


def divided(argument: str) -> tuple[str, int]:
    """Divides the argument of a dump into expression and count."""
    if argument[:1] in ("'", '"') and (end := argument.find(argument[0], 1)) > 0:
        rest = argument[end + 1 :].strip()
        count = parse_size(rest) if rest else STANDARD_COUNT
        if count is None:
            raise Problem(f"'{rest}' is no count")
        return argument[1:end], count
    tokens = tokens_of(argument)
    if len(tokens) > 2 and tokens[-2].kind == "number" and tokens[-3].kind in ("name", "number", "close"):
        return argument[: tokens[-2].column - 1].strip(), tokens[-2].value
    return argument, STANDARD_COUNT


def register(session: Session) -> None:
    """Makes the commands known to gdb."""
    Summary("fi summary", session)
    Dump("fi dump", session)
