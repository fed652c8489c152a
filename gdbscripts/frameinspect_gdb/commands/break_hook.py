"""`fi break-hook`: a breakpoint where a hook runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import gdb

from ..errors import Problem
from ..session import Session
from ..space import evaluate
from ..survey import hooks
from ..symbols import ends_with
from ..text import WORD
from .base import FiCommand

_CONDITION = re.compile(r"(?:^|\s)if\b")


class HookBreakpoint(gdb.Breakpoint):
    """Stops at a hook's first instruction, where its argument is still in its register, and prints the frame."""

    def __init__(self, symbol: str, address: int, condition: str) -> None:
        super().__init__(f"*{address:#x}")
        self.hook = symbol
        try:
            if condition:
                self.condition = condition
            self.commands = "fi frame $rdi"
        except (gdb.error, RuntimeError) as error:
            self.delete()
            raise Problem(f"the condition '{condition}' cannot be used: {error}") from error


class BreakHook(FiCommand):
    """Stop where a hook of frames runs, and print the frame that it is called for.

    Usage: fi break-hook SYMBOL [if CONDITION]
    SYMBOL is a hook that a vtable in use names: the end of its path is enough. The breakpoint is like any other: `info
    breakpoints` shows it, `delete` removes it.

    Example: fi break-hook log_unmap if $fi_frame($rdi) == 0x1234"""

    def run(self, argument: str) -> Iterator[str]:
        """Finds the hook and sets the breakpoint."""
        match = _CONDITION.search(argument)
        symbol = argument[: match.start()].strip() if match else argument
        condition = argument[match.end() :].strip() if match else ""
        if not symbol:
            raise Problem("name a hook, for example: fi break-hook log_unmap")
        if match and not condition:
            raise Problem("a condition is missing after 'if'")
        name, address = self._installed(symbol)
        breakpoint_ = HookBreakpoint(name, address, condition)
        yield f"Breakpoint {breakpoint_.number} is the hook {name}"

    def _installed(self, symbol: str) -> tuple[str, int]:
        """The hook of this name that frames use."""
        kernel = self.session.kernel()
        found: dict[int, str] = {}
        for pointer in hooks(kernel):
            vtable = kernel.vtable(pointer)
            for place in (vtable.on_last_ref, vtable.on_unmap):
                if place is not None:
                    found[place.address] = place.symbol or f"{place.address:#x}"
        fitting = {address: name for address, name in found.items() if ends_with(name, symbol)}
        if not fitting and symbol[:1] in "*0123456789":
            address = int(evaluate(symbol.lstrip("*"))) & WORD
            fitting = {address: found[address]} if address in found else {}
        if len(fitting) > 1:
            raise Problem(f"several hooks are called so: {', '.join(sorted(fitting.values()))}")
        if not fitting:
            known = ", ".join(sorted(found.values())) or "none"
            raise Problem(f"no vtable in use names the hook {symbol}; there are: {known}; plain `break` stops anywhere")
        address, name = next(iter(fitting.items()))
        return name, address


def register(session: Session) -> None:
    """Makes the command known to gdb."""
    BreakHook("fi break-hook", session, gdb.COMPLETE_SYMBOL)
