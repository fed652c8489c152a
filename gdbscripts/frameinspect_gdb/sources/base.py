"""What every way to the data can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from ..space import Place


class Source(ABC):
    """A way to the data; the answers are lines of text, the same whichever way they come."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Which way it is, in words."""

    @abstractmethod
    def frame(self, place: Place) -> Iterable[str]:
        """One frame: its slot, state, block, vtable and hooks."""

    @abstractmethod
    def summary(self, where: str | None) -> Iterable[str]:
        """All frames, or those for which an expression holds, counted."""

    @abstractmethod
    def dump(self, where: str, count: int) -> Iterable[str]:
        """The frames for which an expression holds, one per line."""

    @abstractmethod
    def owner(self, place: Place) -> Iterable[str]:
        """Who refers to a frame."""

    @abstractmethod
    def vtable(self, address: int) -> Iterable[str]:
        """A vtable and its hooks."""

    @abstractmethod
    def hooks(self, symbol: str | None) -> Iterable[str]:
        """Every installed hook, and the proof that it keeps its contract or not."""

    @abstractmethod
    def audit(self, rule: str | None) -> Iterable[str]:
        """Findings."""

    @abstractmethod
    def pins(self, age: str | None) -> Iterable[str]:
        """Pinned blocks."""

    @abstractmethod
    def map(self) -> Iterable[str]:
        """Physical memory, drawn by what its frames are doing."""
