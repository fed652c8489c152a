"""`fi doctor`: what works, what does not, and why."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator

import gdb

from ..connection import packet, remote
from ..errors import Problem
from ..session import Session
from ..tables import left, table
from ..text import byte_count
from .base import FiCommand


class Doctor(FiCommand):
    """Show what can be read, how, and what stands in the way.

    Usage: fi doctor

    Example: fi doctor"""

    def run(self, argument: str) -> Iterator[str]:
        """Looks at everything anew."""
        self.refuse_argument(argument)
        self.session.forget()
        session = self.session
        rows = [["gdb", f"{gdb.VERSION}, Python {platform.python_version()}"]]
        checks: list[tuple[str, Callable[[], str]]] = [
            ("profile", lambda: f"{session.profile().name}, {session.profile_file()}"),
            ("connection", lambda: f"{remote().type} {remote().details}"),
            ("way", lambda: self.source.text),
            ("image", lambda: session.image().identity),
            ("memory", self._memory),
            ("guest", lambda: session.image().compare()),
            ("layout", lambda: session.facts().origin),
            ("table", self._table),
            ("books", self._books),
        ]
        for name, check in checks:
            try:
                rows.append([name, check()])
            except (Problem, gdb.error) as problem:
                rows.append([name, f"not known: {problem}"])
        yield from table([left(""), left("")], rows, has_header=False)

    def _memory(self) -> str:
        ram = self.session.ram()
        mode = packet("qqemu.PhyMemMode")
        state = {"0": "the stub reads virtual addresses", "1": "the stub reads physical addresses"}
        known = state.get(mode, "the stub cannot read physical addresses")
        return f"{byte_count(ram.size)} of RAM up to {ram.end:#x}; {known}"

    def _table(self) -> str:
        kernel = self.session.kernel()
        levels = kernel.space.mode.levels
        return (
            f"{kernel.table.count} slots of {kernel.layout.stride} bytes at {kernel.table.base:#x}, "
            f"{levels} levels of page tables"
        )

    def _books(self) -> str:
        books = self.session.kernel().books
        if books.gaps:
            return "; ".join(books.gaps)
        return f"zones, {len(books.list_heads)} lists with blocks, {len(books.cached)} frames in per-CPU caches"


def register(session: Session) -> None:
    """Makes the command known to gdb."""
    Doctor("fi doctor", session, gdb.COMPLETE_NONE)
