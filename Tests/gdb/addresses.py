"""What an address means: the guest's own translations, large pages, the direct map, expressions of every kind."""

from __future__ import annotations

import json

import gdb
from frameinspect_gdb.errors import ReadProblem
from frameinspect_gdb.memory import RAM
from frameinspect_gdb.paging import Mode, translate
from harness import command, environment, error_of, physical_mode

DIRECT_MAP = 0xFFFF_8000_0000_0000


def test_translations_are_the_guests_own() -> None:
    """Every address that the guest was asked about, pages of 4 KiB, 2 MiB and 1 GiB among them."""
    with open(environment("FI_TRANSLATIONS"), encoding="utf-8") as file:
        cases = json.load(file)
    sizes = set()
    for case in cases:
        if case["mapped"]:
            assert int(gdb.parse_and_eval(f"$fi_phys({case['va']:#x})")) == case["pa"], case
            sizes.add(case["size"])
        else:
            assert "is not mapped" in error_of(f"print $fi_phys({case['va']:#x})"), case
    assert {4096, 1 << 21} <= sizes, sizes
    assert physical_mode() == "0"


def test_the_answer_says_which_address_it_was() -> None:
    """The same frame by its physical address, through the direct map, and through the kernel's own mapping."""
    text = int(gdb.parse_and_eval("$pc")) & (1 << 64) - 1
    physical = int(gdb.parse_and_eval("$fi_phys($pc)"))
    lines = {}
    for name, expression, sentence in (
        ("physical", f"{physical:#x}", f"{physical:#x} is a physical address"),
        ("direct", f"{DIRECT_MAP + physical:#x}", f"lies in the direct map: physical {physical:#x}"),
        ("virtual", "$pc", f"{text:#x} is mapped by the current vCPU: physical {physical:#x}"),
    ):
        first, *rest = command(f"fi frame {expression}").splitlines()
        assert sentence in first, (name, first)
        lines[name] = rest
    assert lines["physical"] == lines["direct"] == lines["virtual"]


def test_functions_agree() -> None:
    """$fi_virt and $fi_phys undo each other; $fi_frame and $fi_slot take any of the three."""
    for physical in (0x1000, 0x20_0000, 0x123_4000):
        virtual = int(gdb.parse_and_eval(f"$fi_virt({physical:#x})")) & (1 << 64) - 1
        assert virtual == DIRECT_MAP + physical
        assert int(gdb.parse_and_eval(f"$fi_phys({virtual:#x})")) == physical
        assert int(gdb.parse_and_eval(f"$fi_frame({virtual:#x})")) == physical >> 12
        assert gdb.parse_and_eval(f"$fi_slot({virtual:#x})") == gdb.parse_and_eval(f"$fi_slot({physical:#x})")
        assert bool(gdb.parse_and_eval(f"$fi_frame({physical:#x}) == {physical >> 12}"))


def test_expressions() -> None:
    """Registers, symbols, slots, values of the kernel's own types."""
    crate = str(gdb.parse_and_eval("$fi_slot(0)").type.target()).split("::")[0]
    for expression in ("$rsp", "$pc", "0x1000 + 0x234 * 2", "$fi_phys($rsp)", "$fi_slot(0x1000)", "16 << 12"):
        assert "Frame 0x" in command(f"fi frame {expression}"), expression
    slot = gdb.parse_and_eval("$fi_slot(0x1000)")
    assert f"Frame {int(gdb.parse_and_eval('$fi_phys($fi_slot(0x1000))')) & ~0xFFF:#x}" in command(
        "fi frame $fi_slot(0x1000)"
    )
    assert int(slot) & (1 << 64) - 1
    # A newtype around an address is the address.
    kind = gdb.lookup_type(f"{crate}::memory::block::BlockHandle")
    value = gdb.Value((0x123_4000).to_bytes(kind.sizeof, "little"), kind)
    gdb.set_convenience_variable("handle", value["base"])
    assert command("fi frame $handle").startswith("0x1234000 is a physical address")
    assert "is no address" in error_of("fi frame *$fi_slot(0x1000)")


def test_both_ends_of_ram() -> None:
    """The last byte of RAM is an address, the one behind is none; holes are not read."""
    ram = RAM.of_guest()
    assert ram.holds(ram.end - 1) and not ram.holds(ram.end) and not ram.holds(ram.end - 4, 8)
    assert error_of(f"fi frame {ram.end:#x}").startswith("fi frame: ")
    for (_, end), (start, _) in zip(ram.regions, ram.regions[1:]):
        assert not ram.holds(end) and not ram.holds(start - 1)


def _tables(levels: int, leaf_level: int, bits: int = 0x7) -> tuple[dict[int, int], int, int]:
    """Tables that map one address with a leaf at a level: words by address, virtual and physical address."""
    virtual = sum((index + 1) << (12 + 9 * index) for index in range(levels)) | 0x345
    words, table = {}, 0x1000
    for level in range(levels, leaf_level - 1, -1):
        place = table + (virtual >> (12 + 9 * (level - 1)) & 511) * 8
        size = 1 << (12 + 9 * (level - 1))
        is_leaf = level == leaf_level
        words[place] = (0x40_0000_0000 | bits | (0x80 if level > 1 else 0)) if is_leaf else table + 0x1000 | 7
        table += 0x1000
    return words, virtual, 0x40_0000_0000 | (virtual & (size - 1))


def test_four_and_five_levels_and_large_pages() -> None:
    """Every number of levels with every size of page, and what the permissions are."""
    for levels in (4, 5):
        for leaf in (1, 2, 3):
            words, virtual, physical = _tables(levels, leaf)
            found = translate(virtual, Mode(0x1000 | 0x18, levels, True), words.__getitem__)
            assert (found.physical, found.page_size) == (physical, 1 << (12 + 9 * (leaf - 1)))
            assert found.permissions == "rwx" and found.is_user
            words, virtual, _ = _tables(levels, leaf, 0x1 | 1 << 63)
            found = translate(virtual, Mode(0x1000, levels, True), words.__getitem__)
            assert found.permissions == "r--" and not found.is_user
            _fails(words, virtual, Mode(0x1000, levels, False), "reserved bits")
            last = max(words)
            words[last] &= ~1
            _fails(words, virtual, Mode(0x1000, levels, True), "not present")
    _fails({}, 1 << 47, Mode(0x1000, 4, True), "not a canonical")
    _fails({}, 1 << 56, Mode(0x1000, 5, True), "not a canonical")


def _fails(words: dict[int, int], virtual: int, mode: Mode, part: str) -> None:
    try:
        translate(virtual, mode, words.__getitem__)
    except ReadProblem as problem:
        assert part in str(problem), problem
    else:
        raise AssertionError(f"{virtual:#x} was translated")
