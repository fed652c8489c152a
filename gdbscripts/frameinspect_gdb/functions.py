"""The convenience functions, for expressions and conditions of breakpoints."""

from __future__ import annotations

import gdb

from .commands.base import guarded
from .errors import Problem
from .session import Session


class _AddressFunction(gdb.Function):
    """A function of one address."""

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self.session = session
        super().__init__(name)

    def invoke(self, *arguments: gdb.Value) -> gdb.Value:
        """Called by gdb."""
        return guarded("$" + self.name, lambda: self._checked(arguments))

    def _checked(self, arguments: tuple[gdb.Value, ...]) -> gdb.Value:
        if len(arguments) != 1:
            raise Problem(f"it takes one address, and there are {len(arguments)}")
        return self.compute(arguments[0])

    def compute(self, address: gdb.Value) -> gdb.Value:
        """The function's value."""
        raise NotImplementedError


class FrameNumber(_AddressFunction):
    """Return the number of the frame that holds an address.

    Usage: $fi_frame(ADDRESS)
    ADDRESS is physical, in the direct map, or mapped by the current vCPU.

    Example: break log_unmap if $fi_frame(page) == 0x1234"""

    def compute(self, address: gdb.Value) -> gdb.Value:
        """The number."""
        return self.session.word(self.session.locate(address).physical >> 12)


class SlotPointer(_AddressFunction):
    """Return the slot of the frame that holds an address, as a pointer to the kernel's own type.

    Usage: $fi_slot(ADDRESS)
    ADDRESS is physical, in the direct map, or mapped by the current vCPU.

    Example: print *$fi_slot(0x1234000)"""

    def compute(self, address: gdb.Value) -> gdb.Value:
        """The pointer."""
        kernel = self.session.kernel()
        slot = kernel.table.virtual(kernel.index(self.session.locate(address).physical >> 12))
        return self.session.word(slot).cast(self.session.slot_type().pointer())


class Physical(_AddressFunction):
    """Return the physical address of a virtual address of the current vCPU.

    Usage: $fi_phys(VADDR)

    Example: fi frame $fi_phys(0x400000)"""

    def compute(self, address: gdb.Value) -> gdb.Value:
        """The physical address."""
        return self.session.word(self.session.translate(address).physical)


class Virtual(_AddressFunction):
    """Return the address of a physical address in the kernel's direct map.

    Usage: $fi_virt(PADDR)

    Example: x/8gx $fi_virt(0x1234000)"""

    def compute(self, address: gdb.Value) -> gdb.Value:
        """The virtual address."""
        return self.session.word(self.session.direct(address))


def register(session: Session) -> None:
    """Makes the functions known to gdb."""
    FrameNumber("fi_frame", session)
    SlotPointer("fi_slot", session)
    Physical("fi_phys", session)
    Virtual("fi_virt", session)
