"""The kernel's books in guests that stand still in a bad moment, or are damaged: bounded, and told as what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gdb
from frameinspect_gdb.facts import KernelFacts
from frameinspect_gdb.session import Session
from harness import command, environment, error_of


def _session() -> Session:
    return Session(f"{environment('FI_ROOT')}/gdbscripts")


def _facts() -> KernelFacts:
    return _session().facts()


@contextmanager
def _patched(address: int, data: bytes) -> Iterator[None]:
    """Guest memory holds other bytes while it lasts."""
    inferior = gdb.selected_inferior()
    old = bytes(inferior.read_memory(address, len(data)))
    inferior.write_memory(address, data)
    try:
        yield
    finally:
        inferior.write_memory(address, old)


def _owned() -> str:
    """The address of a frame that somebody owns."""
    for line in command("fi dump user && refcount == 2").splitlines()[2:]:
        if "capabilities" in command(f"fi owner {line.split()[0]}"):
            return line.split()[0]
    raise AssertionError("nobody owns anything")


def test_a_held_lock_is_mid_change() -> None:
    """The record is shown all the same, with the reason to doubt it."""
    frame, facts = _owned(), _facts()
    lock = next(guard for guard in facts.ownership.path.guards if guard.kind == "lock")
    with _patched(facts.anchors["ownershipTable"] + lock.word.offset, b"\x01"):
        text = command(f"fi owner {frame}")
    assert "capabilities" in text and "the ownership table is mid-change" in text, text
    assert "mid-change" not in command(f"fi owner {frame}")


def test_a_table_that_is_not_set_up() -> None:
    """One line."""
    frame, facts = _owned(), _facts()
    once = next(guard for guard in facts.ownership.path.guards if guard.kind == "once")
    with _patched(facts.anchors["ownershipTable"] + once.word.offset, b"\x01"):
        assert "the ownership table is not set up yet" in error_of(f"fi owner {frame}")


def test_damaged_trees_end() -> None:
    """A height that no map has, a root that leads nowhere or to itself, and nodes with too many entries."""
    frame, facts = _owned(), _facts()
    layout = facts.ownership
    start = facts.anchors["ownershipTable"] + layout.path.offset
    root = int.from_bytes(gdb.selected_inferior().read_memory(start + layout.tree.root_node.offset, 8), "little")
    for address, data, part in (
        (start + layout.tree.root_height.offset, (99).to_bytes(8, "little"), "a height of 99"),
        (start + layout.tree.root_height.offset, (20).to_bytes(8, "little"), "the ownership table: "),
        (start + layout.tree.root_node.offset, (0xFFFF_FF00_0000_1000).to_bytes(8, "little"), "is not mapped"),
        (start + layout.tree.root_node.offset, (1 << 47).to_bytes(8, "little"), "not a canonical"),
        (
            root + layout.tree.leaf_offset + layout.tree.node_length.offset,
            b"\xff\xff",
            "says that it has 65535 entries",
        ),
        (root + layout.tree.leaf_offset + layout.tree.keys.offset, b"\xff" * 7, "do not ascend"),
    ):
        with _patched(address, data):
            text = command(f"fi owner {frame}")
        assert "could not be read whole" in text and part in text, (part, text)
    assert "could not be read whole" not in command(f"fi owner {frame}")


def test_the_allocators_books() -> None:
    """A cache that is locked or too full, zones that make no sense: states fall back to what the slot says."""
    facts = _facts()
    caches = facts.anchors["localFrameCaches"]
    lock = facts.caches.path.guards[0]
    with _patched(caches + lock.word.offset, b"\x01"):
        assert "the per-CPU cache 0 is locked" in command("fi doctor")
    with _patched(caches + facts.caches.path.offset + facts.caches.length.offset, b"\xff\xff"):
        assert "the per-CPU cache 0 would have 65535 frames" in command("fi doctor")
    zone = facts.anchors["buddyAllocator"] + facts.zones.path.offset + facts.zones.zones.offset
    with _patched(zone + facts.zones.kind.offset, b"\x09"):
        assert "zone 0 would be of kind 9" in command("fi doctor")
        assert "zone " not in command("fi frame 0x1000").splitlines()[1]
        assert " frames of 4 KiB" in command("fi summary")


def test_a_table_that_leads_nowhere() -> None:
    """Pointer and length that cannot be."""
    facts = _facts()
    for anchor, value, part in (
        ("metadataBase", 0, "has not set up its frame table yet"),
        ("metadataBase", 0xFFFF_FF00_0000_1000, "leads nowhere"),
        ("metadataCount", 0, "has no slots yet"),
        ("metadataCount", 1 << 60, "is it the right profile and image?"),
    ):
        with _patched(facts.anchors[anchor], value.to_bytes(8, "little")):
            for text in ("fi summary", "fi frame 0x1000", "fi dump free", "print $fi_slot(0)"):
                assert part in error_of(text), (text, error_of(text))
    assert command("fi frame 0x1000")
