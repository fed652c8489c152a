"""Tables of text, as inspectd writes them where no terminal's width is known."""

from __future__ import annotations

from collections.abc import Sequence

from .text import harmless

#: A column: title, and whether its content stands at the right.
Column = tuple[str, bool]


def left(title: str) -> Column:
    """Text at the left."""
    return (title, False)


def right(title: str) -> Column:
    """Numbers at the right."""
    return (title, True)


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    footer: Sequence[Sequence[str]] = (),
    indent: int = 0,
    has_header: bool = True,
) -> list[str]:
    """The lines of a table; cells that are missing are empty."""
    body = [_fitted(row, len(columns)) for row in rows]
    below = [_fitted(row, len(columns)) for row in footer]
    titles = [title for title, _ in columns]
    shown = ([titles] if has_header else []) + body + below
    widths = [max((len(row[index]) for row in shown), default=0) for index in range(len(columns))]
    rule = ["-" * width for width in widths]
    lines = ([titles, rule] if has_header else []) + body + ([rule, *below] if below else [])
    return [_line(row, columns, widths, indent) for row in lines]


def _fitted(row: Sequence[str], count: int) -> list[str]:
    return [harmless(cell) for cell in row[:count]] + [""] * (count - len(row))


def _line(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int], indent: int) -> str:
    cells = (
        cell.rjust(width) if is_right else cell.ljust(width) for cell, (_, is_right), width in zip(row, columns, widths)
    )
    return (" " * indent + "  ".join(cells)).rstrip()
