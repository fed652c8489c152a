"""gdb alone: everything is read over its own connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NoReturn

from .. import render
from ..errors import Problem, WhereProblem
from ..session import Session
from ..space import Place
from ..survey import count, select
from ..where import Filter, compile_where
from .base import Source


class Alone(Source):
    """Reads the guest itself."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def text(self) -> str:
        """Which way it is."""
        return "gdb alone, over its own connection"

    def frame(self, place: Place) -> Iterator[str]:
        """One frame."""
        yield from render.frame(self._session.kernel().frame(place.physical))

    def summary(self, where: str | None) -> Iterator[str]:
        """Frames, counted."""
        kernel = self._session.kernel()
        wanted = None if where is None else self._filter(where)
        found = count(kernel, wanted)
        yield from render.summary(found, kernel.layout, "frames" if where is None else f"frames with {where},")

    def dump(self, where: str, count: int) -> Iterator[str]:
        """Frames, one per line."""
        kernel = self._session.kernel()
        wanted = self._filter(where)
        table = render.DumpTable(kernel.layout, kernel.table.end_address)
        yield from table.header()
        for row in select(kernel, wanted, count):
            yield table.row(row)

    def owner(self, place: Place) -> Iterator[str]:
        """The kernel's record of the frame's block, and what else the books say of it."""
        kernel = self._session.kernel()
        report = kernel.frame(place.physical)
        found = kernel.owner(report.frame)
        yield f"Frame {report.address:#x}"
        yield f"{report.verdict.state.label}: {report.verdict.text}"
        yield ""
        yield from render.owner(found.report)
        if report.frame in kernel.books.cached:
            yield from ("", "In a per-CPU cache")
        if report.vtable:
            yield ""
            yield from render.vtable_lines(report.vtable)
        if found.gaps or kernel.books.gaps:
            yield ""
        for gap in found.gaps + kernel.books.gaps:
            yield f"could not be read whole: {gap}"
        yield ""
        yield "Page tables were not searched for mappings: that takes inspectd"

    def vtable(self, address: int) -> Iterator[str]:
        """A vtable and its hooks."""
        yield from render.vtable_lines(self._session.kernel().vtable(address))

    def hooks(self, symbol: str | None) -> Iterable[str]:
        """Not without inspectd."""
        self._refuse("hooks")

    def audit(self, rule: str | None) -> Iterable[str]:
        """Not without inspectd."""
        self._refuse("audit")

    def pins(self, age: str | None) -> Iterable[str]:
        """Not without inspectd."""
        self._refuse("pins")

    def map(self) -> Iterable[str]:
        """Not without inspectd."""
        self._refuse("map")

    def _filter(self, where: str) -> Filter:
        kernel = self._session.kernel()
        try:
            return compile_where(where, kernel.layout, kernel.profile.zone_names)
        except WhereProblem as problem:
            raise Problem(f"WHERE: {problem}") from problem

    @staticmethod
    def _refuse(command: str) -> NoReturn:
        raise Problem(
            "this takes inspectd: name the guest of a daemon with `set fi daemon GUEST`, or start "
            "`inspectd gdb-proxy --gdb STUB --listen unix:PATH` with QEMU's stub and "
            f"connect gdb to PATH in its place, or run `inspectd {command} --qmp SOCKET --kernel IMAGE` in a shell"
        )
