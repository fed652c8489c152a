"""What commands of gdb print."""

from __future__ import annotations

import gdb


def output(command: str) -> str:
    """The text that a command prints, without the command itself, which `set trace-commands on` puts before it."""
    text: str = gdb.execute(command, to_string=True)
    first, _, rest = text.partition("\n")
    return rest if first.lstrip("+") == command and first.startswith("+") else text
