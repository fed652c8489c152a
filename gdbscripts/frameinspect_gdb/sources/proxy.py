"""inspectd between gdb and the stub: its `monitor fi` commands print what its command line prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from ..connection import monitor
from ..errors import Problem
from ..space import Place
from ..text import harmless
from .base import Source

#: The version of the interface that is understood.
API = 1

_VERSION = re.compile(r"inspectd (\S+) api (\d+)")


def version() -> tuple[str, int] | None:
    """Version of inspectd and of its interface; None where the stub is reached without it."""
    answer = monitor("fi version")
    match = _VERSION.match(answer.strip()) if answer else None
    return (match[1], int(match[2])) if match else None


class Proxy(Source):
    """Asks the inspectd that gdb is connected through; what its command line does not know, gdb does alone."""

    def __init__(self, version: str, alone: Source) -> None:
        self._version = version
        self._alone = alone

    @property
    def text(self) -> str:
        """Which way it is."""
        return f"inspectd {self._version}, through which gdb is connected"

    def frame(self, place: Place) -> Iterable[str]:
        """One frame."""
        return self._ask("frame", f"{place.physical:#x}")

    def summary(self, where: str | None) -> Iterable[str]:
        """Frames, counted; `inspectd summary` counts all."""
        return self._ask("summary") if where is None else self._alone.summary(where)

    def dump(self, where: str, count: int) -> Iterable[str]:
        """Frames, one per line."""
        return self._ask("dump", "--where", where, "--limit", str(count))

    def owner(self, place: Place) -> Iterable[str]:
        """Who refers to a frame."""
        return self._ask("owner", f"{place.physical:#x}")

    def vtable(self, address: int) -> Iterable[str]:
        """A vtable and its hooks; `inspectd vtables` shows all."""
        return self._alone.vtable(address)

    def hooks(self, symbol: str | None) -> Iterable[str]:
        """Hooks with their proofs."""
        return self._ask("hooks", *([symbol] if symbol else []))

    def audit(self, rule: str | None) -> Iterable[str]:
        """Findings."""
        return self._ask("audit", *(["--rule", rule] if rule else []))

    def pins(self, age: str | None) -> Iterable[str]:
        """Pinned blocks."""
        return self._ask("pins", *(["--older-than", age] if age else []))

    def map(self) -> Iterable[str]:
        """Physical memory, drawn."""
        return self._ask("map")

    def _ask(self, command: str, *arguments: str) -> Iterator[str]:
        answer = monitor("fi " + shlex.join([command, *arguments]))
        if answer is None:
            raise Problem(f"this inspectd does not know `fi {command}`: is it older than these scripts?")
        for line in answer.splitlines():
            yield harmless(line)
