"""The answers of gdb alone are those of inspectd, number by number and word by word."""

from __future__ import annotations

import functools
import random

import gdb
from harness import command, environment, inspectd, inspectd_json, physical_mode, trimmed, without_provenance


@functools.cache
def _frames() -> list[int]:
    """Some frames of every state, the ends of the table, and some at random."""
    rows = inspectd_json("dump")["frames"]
    chosen = random.Random(7)
    by_state: dict[tuple[str, bool], list[int]] = {}
    for row in rows:
        by_state.setdefault((row["state"], row["vtable"] != "0x0"), []).append(row["frame"])
    frames = [frame for known in by_state.values() for frame in chosen.sample(known, min(2, len(known)))]
    return sorted({0, len(rows) - 1, *frames})[:: _step()]


def _step() -> int:
    """Of how many samples one is looked at: all of them only for some builds of the kernel."""
    return int(environment("FI_STEP"))


def test_summary_is_the_same_text() -> None:
    """Every line of the summary."""
    assert trimmed(command("fi summary").splitlines()) == trimmed(without_provenance(inspectd("summary")))
    assert physical_mode() == "0"


def test_summary_has_the_same_numbers() -> None:
    """The summary of inspectd as JSON, found in the text."""
    words = [line.split() for line in command("fi summary").splitlines()]
    document = inspectd_json("summary")
    assert words[0][0] == str(document["frames"])
    for group in document["states"]:
        assert [group["state"].strip(), str(group["frames"])] in [line[:2] for line in words], group
    for key, name in (("orders", "order"), ("zones", "zone"), ("refcounts", "refcount")):
        for group in document[key]:
            assert [group[name], str(group["frames"])] in [line[:2] for line in words], group
    for group in document["flags"]:
        value = int(group["flags"], 16)
        found = [line for line in words if line and line[0].startswith("0x") and int(line[0], 16) == value]
        assert found[0][1] == str(group["frames"]) and found[0][4] == group["letters"], group


def test_frames_are_the_same_text() -> None:
    """Every line about frames of every state; gdb says besides which kind of address it was."""
    frames = _frames()
    assert len(frames) > 15 // _step(), frames
    for frame in frames:
        address = frame * 4096 + frame % 4096
        lines = command(f"fi frame {address:#x}").splitlines()
        assert lines[0] == f"{address:#x} is a physical address"
        expected = trimmed(without_provenance(inspectd("frame", f"{address:#x}")))
        assert trimmed(lines[1:]) == expected, "\n".join([*lines, "instead of", *expected])


def test_frames_have_the_same_words_as_json() -> None:
    """State, block and hooks of some frames as JSON, found in the text."""
    for frame in _frames()[::4]:
        document = inspectd_json("frame", f"{frame * 4096:#x}")
        text = command(f"fi frame {frame * 4096:#x}")
        assert f"\n{document['state']}: {document['stateText']}\n" in text
        for field in document["fields"]:
            assert any(line.split()[2:4] == [field["name"], field["value"]] for line in text.splitlines()), field
        for hook in ("onLastRef", "onUnmap"):
            if document["vtable"][hook]:
                assert document["vtable"][hook]["symbol"] in text


def test_dumps_are_the_same_text() -> None:
    """Rows of every column, for expressions of every kind."""
    expressions = [
        "state == user && refcount > 1",
        "free-listed || free-cached",
        "flags.POISONED",
        "guard.POISONED == 1",
        "order >= 3 && address < 16M && !free",
        "zone == DMA && allocated",
        "next != none",
        "vtable != default",
        "refcount == unused and not free-interior and frame > 0x100",
        "generation > refcount",
        "frame == 0x1234 or address == 4096",
        "state == unmanaged",
    ]
    for expression in expressions[:: _step()]:
        expected = inspectd("dump", "--where", expression).splitlines()
        for count in (7, 100000):
            found = command(f"fi dump {expression} {count}").splitlines()
            assert found == expected[: 2 + count], f"{expression}: {found[:6]} instead of {expected[:6]}"
    assert physical_mode() == "0"


def test_summaries_with_where_count_what_dumps_list() -> None:
    """The number of frames in a summary is that of the rows of inspectd's dump."""
    for expression in (
        "free && order < 9",
        "kernel || user",
        "refcount > 1",
        "frame > 100 && order == 1",
        "free-cached",
        "zone == none",
    ):
        rows = inspectd_json("dump", "--where", expression)["frames"]
        lines = command(f"fi summary {expression}").splitlines()
        assert lines[0].split()[0] == str(len(rows)), (expression, lines[0], len(rows))
        states: dict[str, int] = {}
        for row in rows:
            states[row["state"]] = states.get(row["state"], 0) + 1
        for state, count in states.items():
            assert [state, str(count)] in [line.split()[:2] for line in lines], (expression, state, count)


def test_owners_are_the_same() -> None:
    """The kernel's record of blocks, with capabilities and their mappings."""
    shown = 0
    rows = inspectd_json("dump", "--where", "(user || kernel || block-page || poisoned)")["frames"]
    for row in rows[7 :: len(rows) * _step() // 10]:
        expected = inspectd("owner", row["address"]).splitlines()
        found = command(f"fi owner {row['address']}").splitlines()
        assert found[1:3] == expected[:2], (found, expected)
        start, end = expected.index("") + 1, len(expected)
        block = expected[start : expected.index("", start, end)]
        assert found[4 : 4 + len(block)] == block, (found, block)
        shown += "Owner" in block
    assert shown


def test_vtables_are_the_same() -> None:
    """Hooks with symbol, source, section and permissions, for every vtable that frames name."""
    vtables = inspectd_json("vtables")["vtables"]
    assert len(vtables) > 1
    for entry in vtables[1:]:
        text = command(f"fi vtable {entry['location']['address']}")
        for part in (entry["location"], entry["onLastRef"], entry["onUnmap"]):
            for key in ("symbol", "source", "section", "permissions", "problem"):
                assert not part or not part[key] or part[key] in text, (key, part, text)


def test_every_slot_of_the_table_is_typed() -> None:
    """$fi_slot is the kernel's own type, and leads to the bytes that inspectd reads."""
    for frame in _frames()[::5]:
        document = inspectd_json("frame", f"{frame * 4096:#x}")
        slot = gdb.parse_and_eval(f"$fi_slot({frame * 4096:#x})")
        assert str(slot.type.target()).endswith("memory::frame::MetaSlot"), slot.type
        assert int(slot) & (1 << 64) - 1 == int(document["slotVirtual"], 16)
        data = gdb.selected_inferior().read_memory(int(slot), 64)
        assert bytes(data).hex() == document["bytes"]
        assert document["state"] in str(slot.dereference())
