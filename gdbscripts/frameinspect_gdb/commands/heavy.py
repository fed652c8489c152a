"""The commands that inspectd answers: `fi hooks`, `fi audit`, `fi pins`, `fi map`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import gdb

from ..session import Session
from .base import FiCommand, completions


class Hooks(FiCommand):
    """Show every installed hook, and the proof that it keeps its contract or not.

    Usage: fi hooks [SYMBOL]
    It takes inspectd: `fi doctor` says whether gdb is connected through one.

    Example: fi hooks log_unmap"""

    def run(self, argument: str) -> Iterator[str]:
        """Asks inspectd."""
        yield from self.source.hooks(argument or None)


class Audit(FiCommand):
    """Find hooks that break their contract, leaked pins, and contradictions.

    Usage: fi audit [RULE]
    It takes inspectd: `fi doctor` says whether gdb is connected through one.

    Example: fi audit hook-locks"""

    def run(self, argument: str) -> Iterator[str]:
        """Asks inspectd."""
        yield from self.source.audit(argument or None)

    def complete(self, text: str, word: str) -> list[str]:
        """Called by gdb: the rules, each of which has a page."""
        folder = os.path.join(os.path.dirname(self.session.scripts), "docs", "findings")
        pages = os.listdir(folder) if os.path.isdir(folder) else []
        rules = [page[:-3] for page in pages if page.endswith(".md") and page != "README.md"]
        return completions(text, word, rules)


class Pins(FiCommand):
    """Show every pinned block: owner, capabilities, references, mappings, age.

    Usage: fi pins [AGE]
    AGE leaves out pins that are younger. It takes inspectd: `fi doctor` says whether gdb is connected through one.

    Example: fi pins 30s"""

    def run(self, argument: str) -> Iterator[str]:
        """Asks inspectd."""
        yield from self.source.pins(argument or None)


class Map(FiCommand):
    """Draw physical memory by what its frames are doing.

    Usage: fi map
    It takes inspectd: `fi doctor` says whether gdb is connected through one.

    Example: fi map"""

    def run(self, argument: str) -> Iterator[str]:
        """Asks inspectd."""
        self.refuse_argument(argument)
        yield from self.source.map()


def register(session: Session) -> None:
    """Makes the commands known to gdb."""
    Hooks("fi hooks", session, gdb.COMPLETE_SYMBOL)
    Audit("fi audit", session)
    Pins("fi pins", session, gdb.COMPLETE_NONE)
    Map("fi map", session, gdb.COMPLETE_NONE)
