"""The commands below `fi`, one file for each subject."""

from __future__ import annotations

from ..session import Session
from . import addresses, break_hook, doctor, heavy, prefix, tables


def register(session: Session) -> None:
    """Makes the commands known to gdb."""
    for module in (prefix, addresses, tables, heavy, break_hook, doctor):
        module.register(session)
