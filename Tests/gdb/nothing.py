"""Without an image, with a wrong one, without a connection, in a guest that runs."""

from __future__ import annotations

from harness import command, environment, error_of

COMMANDS = ("fi frame 0x1000", "fi summary", "fi dump free", "fi owner 0x1000", "fi break-hook log_unmap")


def _all_say(part: str, *others: str) -> None:
    for text in COMMANDS + others + ("print $fi_slot(0x1000)",):
        line = error_of(text)
        assert part in line, (text, line)
    command("fi doctor")


def test_not_connected() -> None:
    """Every command says what to type."""
    _all_say("gdb is not connected to a guest: type `target remote", "fi vtable 0x1000")
    for name in ("hooks", "audit", "pins", "map"):
        assert "not connected" in error_of(f"fi {name}")
    assert "not known: gdb is not connected" in command("fi doctor")


def test_without_an_image() -> None:
    """Connected, but gdb has no symbols."""
    command(f"target remote {environment('FI_GDB')}")
    _all_say("gdb has no image of the kernel: type `file KERNEL`")


def test_an_image_without_symbols() -> None:
    """The guest's own kernel, stripped."""
    command(f"file {environment('FI_STRIPPED')}")
    _all_say("has no symbols: give gdb the kernel's ELF file with symbols")


def test_a_wrong_image() -> None:
    """Another build of the same kernel."""
    command(f"file {environment('FI_WRONG')}")
    _all_say("the guest does not run ")
    line = error_of("fi frame 0x1000")
    assert "pieces of code differ" in line or "nothing mapped" in line, line
    assert "the guest does not run" in command("fi doctor")


def test_the_right_image() -> None:
    """From then on it works."""
    command(f"file {environment('FI_KERNEL')}")
    assert command("fi frame 0x1000").startswith("0x1000 is a physical address")


def test_a_guest_that_runs() -> None:
    """Commands say so at once."""
    command("fi doctor")
    command("continue &")
    for text in (*COMMANDS, "print $fi_frame(0x1000)", "fi vtable 0x1000"):
        assert "the guest is running: stop it first" in error_of(text), error_of(text)
