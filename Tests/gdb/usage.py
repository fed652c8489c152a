"""The commands as a user meets them: help, completion, faults in one line, and nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading

import gdb
from harness import command, environment, error_of, physical_mode

COMMANDS = ("frame", "summary", "dump", "owner", "vtable", "hooks", "audit", "pins", "map", "break-hook", "doctor")


def test_every_command_has_help_with_an_example() -> None:
    """`help fi` lists them, `help fi NAME` shows how each is used."""
    overview = command("help fi")
    for name in COMMANDS:
        assert f"fi {name} -- " in overview, name
        text = command(f"help fi {name}")
        assert f"Usage: fi {name}" in text and f"Example: fi {name}" in text, text
    for name in ("frame", "slot", "phys", "virt"):
        assert f"$fi_{name}(" in command(f"help function fi_{name}")


def test_completion() -> None:
    """Commands, words of expressions, rules, settings."""
    assert command("complete fi fr").split("\n")[:1] == ["fi frame"]
    for name in COMMANDS:
        assert f"fi {name}" in command(f"complete fi {name[:1]}").splitlines()
    assert "fi summary flags.USER" in command("complete fi summary flags.U")
    assert "fi dump free && state" in command("complete fi dump free && sta").splitlines()
    assert "fi dump free-listed" in command("complete fi dump free-l").splitlines()
    assert command("complete fi audit hook-l").splitlines() == ["fi audit hook-lock-held", "fi audit hook-locks"]
    assert command("complete set fi pro").splitlines() == ["set fi profile"]


def test_doctor_shows_the_way() -> None:
    """gdb alone, with an image that fits."""
    text = command("fi doctor")
    for part in ("gdb alone", "strat9", environment("FI_KERNEL"), "equal in image and guest", "debug information of"):
        assert part in text, text


def test_faults_are_one_line() -> None:
    """Every bad argument that a user may type."""
    for text, part in (
        ("fi frame", "expression is missing"),
        ("fi frame nothing_of_this_name", "nothing_of_this_name"),
        ("fi frame 0x7fffffff0000", "neither physical"),
        ("fi frame 0x9000000000000000", "not a canonical address"),
        ("fi frame 0xffffff0000001000", "is not mapped"),
        ("fi frame 1 +", ""),
        ("fi owner 0x7fffffff0000", "neither physical"),
        ("fi vtable", "expression is missing"),
        ("fi dump", "say which frames"),
        ("fi dump refcont > 1", "did you mean refcount? (column 1)"),
        ("fi dump order == 1 &&", "(column 14)"),
        ("fi dump 'order == 1' many", "no count"),
        ("fi summary order = 1", "write == to compare (column 7)"),
        ("fi map 1", "no argument"),
        ("fi doctor now", "no argument"),
        ("fi break-hook", "name a hook"),
        ("fi break-hook log_unmap if", "condition is missing"),
        ("fi break-hook no_such_hook", "no vtable in use names the hook no_such_hook; there are: "),
        ("fi break-hook wait_for_interrupt", "no vtable in use names the hook"),
        ("fi break-hook log_unmap if nothing_of_this_name", "nothing_of_this_name"),
        ("print $fi_frame()", "takes one address"),
        ("print $fi_frame(1, 2)", "takes one address"),
        ("print $fi_phys(0x7fffffff0000)", "is not mapped"),
        ("print $fi_virt(0x7fffffff0000)", "no physical"),
        ("print $fi_slot(0x7fffffff0000)", "neither physical"),
    ):
        assert part in error_of(text), (text, error_of(text))
        assert physical_mode() == "0", text
    assert not gdb.breakpoints(), "a breakpoint whose condition is wrong is not left behind"


def test_frames_behind_the_table_are_refused() -> None:
    """RAM that the kernel does not manage, and an address behind RAM."""
    end = int(command("fi doctor").split(" slots of ")[0].split()[-1]) << 12
    line = error_of(f"fi frame {end:#x}")
    assert "no slot for" in line and "is RAM" in line, line


def test_heavy_commands_say_what_to_start() -> None:
    """One sentence each."""
    for name in ("hooks", "audit", "pins", "map"):
        line = error_of(f"fi {name}")
        assert "inspectd gdb-proxy" in line and f"inspectd {name} --qmp" in line, line


def test_other_scripts_are_left_alone() -> None:
    """Settings, printers, modules and paths of others are as they were; the dummy's commands work as before."""
    before = [
        command(f"show {name}") for name in ("pagination", "confirm", "print pretty", "language", "python print-stack")
    ]
    path = list(sys.path)
    dummies = [printer for printer in gdb.pretty_printers if getattr(printer, "name", "") == "dummy"]
    assert len(dummies) == 1
    command(f"source {environment('FI_ROOT')}/gdbscripts/frameinspect.py")
    ours = [printer for printer in gdb.pretty_printers if getattr(printer, "name", "") == "frameinspect"]
    assert len(ours) == 1, "sourcing again replaces"
    assert [
        command(f"show {name}") for name in ("pagination", "confirm", "print pretty", "language", "python print-stack")
    ] == before
    assert sys.path == path
    assert "_load" not in vars(sys.modules["__main__"])
    assert command("dummy").strip() == "dummy lives"
    number = gdb.Value(5).cast(gdb.lookup_type("i32"))
    assert number.format_string() == "the dummy's 5"
    for name in ("fi frame 0x1000", "fi summary"):
        command(name)
    assert [printer for printer in gdb.pretty_printers if getattr(printer, "name", "") == "dummy"] == dummies


def test_traced_commands_change_nothing() -> None:
    """What `set trace-commands on` prints before every command is no part of an answer."""
    plain = command("fi frame 0x1000").splitlines()
    command("set trace-commands on")
    try:
        assert command("fi frame 0x1000").splitlines()[1:] == plain
        assert "log_unmap" in error_of("fi break-hook no_such_hook")
    finally:
        command("set trace-commands off")


def test_printers() -> None:
    """The kernel's own types in words, and as they are with /r."""
    text = command("print *$fi_slot(0x1000)")
    assert "MetaSlot of frame 0x1000, " in text and "refcount = 0x" in text, text
    assert "free_link: " in command("print /r *$fi_slot(0x1000)")
    rows = command("fi dump vtable != default 1").splitlines()
    vtable = rows[2].split()[8]
    kind = gdb.parse_and_eval("$fi_slot(0x1000)").type.target().name.replace("MetaSlot", "FrameMetaVtable")
    value = gdb.Value(int(vtable, 16)).cast(gdb.lookup_type(kind).pointer()).dereference()
    text = value.format_string()
    assert "on_last_ref = " in text and "on_unmap = " in text and "hooks::" in text, text
    crate = kind.split("::")[0]
    handle = gdb.lookup_type(f"{crate}::memory::block::BlockHandle")
    entry = gdb.lookup_type(f"{crate}::memory::ownership::OwnerEntry")
    owned = [line.split()[0] for line in command("fi dump user && refcount == 2").splitlines()[2:]]
    lines = command(f"fi owner {owned[0]}").splitlines()
    address = int(next(line for line in lines if "entry at" in line).split()[-1], 16)
    text = gdb.Value(address).cast(entry.pointer()).dereference().format_string()
    assert text.startswith("OwnerEntry ") and "2 references" in text, text
    assert gdb.Value(address).cast(handle.pointer()).dereference().format_string().startswith("BlockHandle ")


def test_control_c_ends_long_work() -> None:
    """One line, and the stub reads virtual addresses again."""
    for delay in (0.02, 0.05, 0.11):
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            for _ in range(200):
                command("fi summary")
            raise AssertionError("it was not interrupted")
        except (gdb.error, KeyboardInterrupt) as error:
            assert isinstance(error, KeyboardInterrupt) or "\n" not in str(error), error
        timer.join()
        assert physical_mode() == "0"
    assert command("fi frame 0x1000").startswith("0x1000 is a physical address")


def test_physical_mode_of_others_is_kept() -> None:
    """Whoever set the stub to physical addresses finds it so again."""
    gdb.selected_inferior().connection.send_packet(b"Qqemu.PhyMemMode:1")
    try:
        command("fi summary")
        assert physical_mode() == "1"
    finally:
        gdb.selected_inferior().connection.send_packet(b"Qqemu.PhyMemMode:0")


def test_another_profile() -> None:
    """The setting, a file that is not there, and back."""
    assert "strat9.json" in command("show fi profile")
    command("set fi profile /nowhere/at/all.json")
    try:
        assert "/nowhere/at/all.json cannot be read" in error_of("fi frame 0x1000")
    finally:
        command("set fi profile")
    assert command("fi frame 0x1000").startswith("0x1000")
