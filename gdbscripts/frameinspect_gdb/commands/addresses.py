"""The commands that take an address: `fi frame`, `fi owner`, `fi vtable`."""

from __future__ import annotations

from collections.abc import Iterator

import gdb

from ..errors import Problem
from ..session import Session
from ..space import evaluate, number_of
from .base import FiCommand


class Frame(FiCommand):
    """Show one frame: its slot, state, block, vtable and hooks.

    Usage: fi frame EXPR
    EXPR is any expression. A number below the end of RAM is a physical address; a pointer, or any other number, is a
    virtual address of the current vCPU. $fi_phys(V) makes a physical address of a virtual one.

    Example: fi frame 0x1234000
    Example: fi frame $rsp"""

    def run(self, argument: str) -> Iterator[str]:
        """Finds the frame and prints it."""
        place = self.session.locate(evaluate(argument))
        yield place.text
        yield from self.source.frame(place)


class Owner(FiCommand):
    """Show who refers to a frame: the kernel's record of its block, capabilities, pins.

    Usage: fi owner EXPR
    EXPR is an address as for `fi frame`. The search through all page tables takes inspectd.

    Example: fi owner 0x1234000"""

    def run(self, argument: str) -> Iterator[str]:
        """Finds the frame and prints its owner."""
        place = self.session.locate(evaluate(argument))
        yield place.text
        yield from self.source.owner(place)


class Vtable(FiCommand):
    """Show a vtable of frames and its hooks.

    Usage: fi vtable EXPR
    EXPR is the vtable's virtual address, or the vtable itself.

    Example: fi vtable &kernel::memory::frame::DEFAULT_FRAME_META_VTABLE
    Example: fi vtable $fi_slot(0x1234000).vtable"""

    def run(self, argument: str) -> Iterator[str]:
        """Prints the vtable."""
        value = evaluate(argument)
        names = self.session.profile().vtable
        if names is None:
            raise Problem(f"the frames of this kernel have no vtables, says the profile {self.session.profile().name}")
        if self.session.is_type(value.type, names.type):
            if value.address is None:
                raise Problem(f"{argument} is a vtable that lies nowhere in memory")
            value = value.address
        yield from self.source.vtable(number_of(value)[0])


def register(session: Session) -> None:
    """Makes the commands known to gdb."""
    Frame("fi frame", session, gdb.COMPLETE_EXPRESSION)
    Owner("fi owner", session, gdb.COMPLETE_EXPRESSION)
    Vtable("fi vtable", session, gdb.COMPLETE_EXPRESSION)
