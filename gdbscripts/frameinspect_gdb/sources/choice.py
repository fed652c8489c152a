"""Picks the way to the data."""

from __future__ import annotations

from ..errors import Problem
from ..session import Session
from .alone import Alone
from .base import Source
from .daemon import Daemon
from .proxy import API, Proxy, version


def choose(session: Session) -> Source:
    """The daemon that the user named, inspectd where gdb is connected through one whose interface is known, else gdb alone."""
    alone = Alone(session)
    if session.daemon:
        return Daemon(session.daemon, alone)
    found = session.remembered("inspectd", version)
    if found is None:
        return alone
    name, api = found
    if api != API:
        raise Problem(
            f"inspectd {name} speaks version {api} of its interface, these scripts version {API}: "
            "use those of one release"
        )
    return Proxy(name, alone)
