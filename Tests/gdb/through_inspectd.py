"""Connected through inspectd, the same commands give its answers; directly, gdb's own."""

from __future__ import annotations

import gdb
from harness import command, environment, error_of, inspectd, trimmed, without_provenance


def test_doctor_shows_the_way() -> None:
    """inspectd and its version."""
    assert "inspectd 0.0.0, through which gdb is connected" in command("fi doctor")


def test_the_answers_are_inspectds() -> None:
    """Frame, summary, dump and owner: text of the command line."""
    frame = command("fi frame 0x1234567").splitlines()
    assert frame[0] == "0x1234567 is a physical address"
    assert trimmed(without_provenance("\n".join(frame[1:]))) == trimmed(
        without_provenance(inspectd("frame", "0x1234567"))
    )
    assert without_provenance(command("fi summary")) == without_provenance(inspectd("summary"))
    where = "state == user && (refcount > 1 || order == 0)"
    assert command(f"fi dump {where} 9").splitlines() == inspectd("dump", "--where", where, "--limit", "9").splitlines()
    owner = command("fi owner $fi_virt(0x1234000)").splitlines()
    assert "direct map" in owner[0]
    assert without_provenance("\n".join(owner[1:])) == without_provenance(inspectd("owner", "0x1234000"))


def test_the_heavy_commands_work() -> None:
    """What gdb alone refuses."""
    assert "on_unmap" in command("fi hooks") or "hook" in command("fi hooks")
    assert command("fi audit vtable-misaligned")
    assert command("fi pins 1h")
    assert command("fi map")


def test_what_inspectd_does_not_know_gdb_does() -> None:
    """A summary of some frames, and a vtable."""
    assert "frames with free," in command("fi summary free").splitlines()[0]
    assert "on_last_ref" in command("fi vtable 0")


def test_faults_come_through() -> None:
    """A rule that does not exist."""
    assert "no-such-rule" in command("fi audit no-such-rule")


def test_other_monitor_commands_are_the_stubs() -> None:
    """QEMU still answers, and still does not know what it never knew."""
    assert "VM status" in command("monitor info status")
    assert environment("FI_GDB") in command("info connections")
    assert "unknown command" in command("monitor nonsense")


def test_directly_it_is_gdb_alone_again() -> None:
    """The way is looked at anew with every connection."""
    command("disconnect")
    assert "not connected" in error_of("fi frame 0x1000")
    command(f"target remote {environment('FI_STUB')}")
    assert "gdb alone" in command("fi doctor")
    assert "Memory: " not in command("fi frame 0x1000")
    assert isinstance(gdb.selected_inferior().connection, gdb.RemoteTargetConnection)
