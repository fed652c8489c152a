"""`fi break-hook` on a guest that runs: stops where hooks run, conditions, and what is left afterwards."""

from __future__ import annotations

import re

import gdb
from harness import command, physical_mode


def _numbers(text: str) -> tuple[int, int]:
    """Number and address of a breakpoint that was set."""
    match = re.search(r"Breakpoint (\d+) at 0x([0-9a-f]+)", text)
    assert match, text
    return int(match[1]), int(match[2], 16)


def _go() -> str:
    """Lets the guest run to the next stop, with what breakpoints print."""
    return command("continue")


def test_it_stops_at_the_hook_and_shows_the_frame() -> None:
    """The breakpoint is gdb's own, with commands that print the frame of the argument."""
    text = command("fi break-hook log_unmap")
    number, address = _numbers(text)
    found = [known for known in gdb.breakpoints() if known.number == number]
    assert len(found) == 1 and found[0].hook.endswith("::hooks::log_unmap"), text
    assert found[0].commands.strip() == "fi frame $rdi"
    _go()
    assert int(gdb.parse_and_eval("$pc")) & (1 << 64) - 1 == address
    argument = int(gdb.parse_and_eval("$rdi"))
    lines = command(found[0].commands.strip()).splitlines()
    assert lines[0] == f"{argument:#x} is a physical address" and lines[1].startswith(f"Frame {argument:#x}, ")
    assert any("hooks::log_unmap" in line for line in lines), lines
    assert found[0].hit_count >= 1
    assert "breakpoint     keep y" in command(f"info breakpoints {number}")
    command(f"delete {number}")
    assert not gdb.breakpoints() and not found[0].is_valid()
    assert physical_mode() == "0"


def test_conditions_with_the_functions() -> None:
    """A condition that holds for one call in some."""
    text = command("fi break-hook log_unmap if $fi_frame($rdi) % 2 == 1 && $fi_slot($rdi) != 0")
    number, _ = _numbers(text)
    assert "$fi_frame($rdi) % 2 == 1" in command(f"info breakpoints {number}")
    for _ in range(3):
        text = _go()
        assert "Error" not in text and int(gdb.parse_and_eval("$rdi")) >> 12 & 1 == 1, text
    command(f"delete {number}")


def test_the_end_of_a_path_and_the_whole_of_it() -> None:
    """Both name the same hook."""
    short = command("fi break-hook log_unmap")
    name = short.split()[-1]
    whole = command(f"fi break-hook {name}")
    assert _numbers(short)[1] == _numbers(whole)[1]
    command("delete")
    assert not gdb.breakpoints()
