"""Makes everything known to gdb."""

from __future__ import annotations

from . import commands, functions, printers
from .session import Session


def register(scripts: str) -> None:
    """`scripts` is the folder of the script that the user sourced."""
    session = Session(scripts)
    commands.register(session)
    functions.register(session)
    printers.register(session)
