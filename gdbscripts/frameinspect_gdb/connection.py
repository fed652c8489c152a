"""GDB's own connection to the guest: packets, monitor commands, what can be done now."""

from __future__ import annotations

import gdb

from .console import output
from .errors import Problem
from .text import one_line

#: Where a monitor command's answer says that there is no such command.
_UNKNOWN = ("unknown command", "not supported", "undefined command")


def remote() -> gdb.RemoteTargetConnection:
    """The connection to the guest's stub."""
    connection = gdb.selected_inferior().connection
    if not isinstance(connection, gdb.RemoteTargetConnection) or not connection.is_valid():
        raise Problem(
            "gdb is not connected to a guest: type `target remote ADDRESS`, the stub's or inspectd gdb-proxy's"
        )
    return connection


def require_stopped() -> gdb.RemoteTargetConnection:
    """The connection, to a guest that stands still: only then the stub answers."""
    connection = remote()
    try:
        # While a condition is tested gdb still calls the thread running, but its registers can be read.
        gdb.selected_frame()
    except gdb.error as error:
        raise Problem("the guest is running: stop it first, with Ctrl-C or `interrupt`") from error
    return connection


def packet(text: str) -> str:
    """Sends a packet to the stub and returns its answer."""
    try:
        return remote().send_packet(text.encode()).decode("latin-1")
    except gdb.error as error:
        raise Problem(f"the stub does not answer the packet {text}: {one_line(str(error))}") from error


def monitor(command: str) -> str | None:
    """What the stub says to a monitor command; None where it does not know it."""
    require_stopped()
    try:
        text = output(f"monitor {command}")
    except gdb.error as error:
        text = str(error)
        if not any(mark in text.lower() for mark in _UNKNOWN):
            raise Problem(f"`monitor {command}`: {one_line(text)}") from error
    return None if any(mark in text[:200].lower() for mark in _UNKNOWN) else text
