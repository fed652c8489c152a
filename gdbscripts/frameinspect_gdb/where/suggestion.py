"""Finds what somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def closest(text: str, names: Iterable[str]) -> str | None:
    """The name nearest to the text, if it is near enough to be a misspelling; letter case counts little."""
    wanted = text.lower().encode()
    if len(wanted) > 64:
        return None
    best: tuple[int, str] | None = None
    for name in names:
        distance = edits(wanted, name.lower().encode())
        if best is None or distance < best[0]:
            best = (distance, name)
    if best is None or best[0] > max(1, len(wanted) // 3):
        return None
    return best[1]


def edits(left: bytes, right: bytes) -> int:
    """Edits between two texts: insertions, deletions, replacements and swaps of neighbours."""
    older: list[int] = []
    old = list(range(len(right) + 1))
    for row, byte in enumerate(left):
        new = [row + 1]
        for column, other in enumerate(right):
            cost = min(old[column + 1] + 1, new[column] + 1, old[column] + (byte != other))
            if row and column and byte == right[column - 1] and left[row - 1] == other:
                cost = min(cost, older[column - 1] + 1)
            new.append(cost)
        older, old = old, new
    return old[-1]
