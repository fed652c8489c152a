"""What is known from one command to the next, and how long it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import gdb

from .connection import remote, require_stopped
from .errors import Problem, ReadProblem
from .facts import KernelFacts
from .image import Image, main_objfile
from .kernel import Kernel
from .layout import Layout
from .memory import RAM, PhysicalMemory
from .profile import ENVIRONMENT, Profile, load, standard_path
from .space import AddressSpace, Place, locate, number_of
from .text import WORD
from .types import has_path

Value = TypeVar("Value")


class Session:
    """Profile, image and connection; what was learned of them is kept while they stay the same."""

    def __init__(self, scripts: str) -> None:
        """`scripts` is the folder of the script that the user sourced."""
        self.scripts = scripts
        #: The profile that the user chose; empty for the one that belongs to the scripts.
        self.profile_path = os.environ.get(ENVIRONMENT, "")
        #: The guest's name in a daemon, and the daemon's socket where that is not the usual one; empty for none.
        self.daemon = os.environ.get("FRAMEINSPECT_DAEMON", "")
        self._kept: dict[tuple[str, object], Any] = {}

    # What depends on nothing but files.

    def profile_file(self) -> str:
        """Path of the profile in force."""
        return self.profile_path or standard_path(self.scripts)

    def profile(self) -> Profile:
        """The kernel's profile."""
        path = self.profile_file()
        time = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
        return self._keep("profile", (path, time), lambda: load(path))

    def image(self) -> Image:
        """The image of the kernel that gdb has."""
        objfile = main_objfile()
        return self._keep("image", objfile, lambda: Image(objfile))

    def facts(self) -> KernelFacts:
        """What the image says of the kernel."""
        profile, image = self.profile(), self.image()
        return self._keep("facts", (profile, image), lambda: KernelFacts(profile, image))

    def layout_for_completion(self) -> Layout:
        """The layout as far as the profile knows it: completion must not read an image."""
        return Layout(self.profile())

    def slot_type(self) -> gdb.Type:
        """The kernel's own type of a slot."""
        found = self.facts().slot_type
        if found is None:
            raise Problem(
                f"the image has no type {self.profile().slot_type}: slots have no type without debug information"
            )
        return found

    def is_type(self, kind: gdb.Type, path: str) -> bool:
        """Whether a type is the one that a profile means."""
        return has_path(kind, path)

    # What depends on the connection.

    def remembered(self, key: str, ask: Callable[[], Value]) -> Value:
        """What the stub said once while gdb stays connected to it."""
        return self._keep(key, remote().num, ask)

    def ram(self) -> RAM:
        """The guest's RAM."""
        require_stopped()
        return self.remembered("ram", RAM.of_guest)

    def kernel(self) -> Kernel:
        """The kernel of the guest that stands still."""
        memory = PhysicalMemory(self.ram())
        facts = self.facts()
        image = self.image()
        self._keep("match", (remote().num, image), image.compare)
        return Kernel(facts, memory, AddressSpace(memory))

    def forget(self) -> None:
        """Forgets all that was learned."""
        self._kept.clear()

    def _keep(self, key: str, state: object, make: Callable[[], Value]) -> Value:
        """What was made for this state before, or is made now; older states are forgotten."""
        known = self._kept.get((key, state))
        if known is None:
            for old in [old for old in self._kept if old[0] == key]:
                del self._kept[old]
            # In a tuple, so that None is an answer too.
            known = self._kept[key, state] = (make(),)
        return known[0]

    # Addresses.

    def locate(self, value: gdb.Value) -> Place:
        """What an address of the user means."""
        kernel = self.kernel()
        return locate(value, kernel.space, lambda: kernel.direct_map)

    def translate(self, value: gdb.Value) -> Place:
        """A virtual address of the current vCPU."""
        number, _ = number_of(value)
        space = AddressSpace(PhysicalMemory(self.ram()))
        return Place(space.translate(number).physical, number)

    def direct(self, value: gdb.Value) -> int:
        """The address of a physical address in the direct map."""
        number, _ = number_of(value)
        kernel = self.kernel()
        if kernel.direct_map is None:
            raise Problem(f"the profile {self.profile().name} knows no direct map")
        address = (number + kernel.direct_map) & WORD
        try:
            found = kernel.space.translate(address)
        except ReadProblem as error:
            raise Problem(f"the direct map has no physical {number:#x}: {error}") from error
        if found.physical != number:
            raise Problem(f"{address:#x} leads to physical {found.physical:#x}, not to {number:#x}")
        return address

    @staticmethod
    def word(number: int) -> gdb.Value:
        """A number of 64 bits without a sign."""
        return gdb.Value(number).cast(unsigned_word())


def unsigned_word() -> gdb.Type:
    """An unsigned type of 64 bits, whatever the language."""
    for name in ("u64", "unsigned long", "uint64_t"):
        try:
            kind = gdb.lookup_type(name)
        except gdb.error:
            continue
        if kind.sizeof == 8:
            return kind
    raise Problem("gdb has no unsigned type of 64 bits")
