"""States, counts and WHERE expressions, against what the library says of the same slots; no guest is needed."""

from __future__ import annotations

import json

from frameinspect_gdb.census import Census, runs
from frameinspect_gdb.errors import WhereProblem
from frameinspect_gdb.layout import Layout
from frameinspect_gdb.profile import load
from frameinspect_gdb.states import GROUPS, Contradiction, State, facts, is_head, verdict
from frameinspect_gdb.where import Row, compile_where
from frameinspect_gdb.zones import Books, ZoneMap
from harness import environment

with open(environment("FI_CASES"), encoding="utf-8") as _file:
    CASES = json.load(_file)


def _parts(table: dict) -> tuple[Layout, Books, bytes]:
    zones = ZoneMap(tuple(table["zoneNames"]), [(start, end, zone) for start, end, zone in table["zones"]])
    books = Books(zones, set(table["listHeads"]), set(table["cached"]))
    return Layout(load(table["profile"])), books, bytes.fromhex(table["slots"])


def test_words_are_the_same() -> None:
    """Names and sentences, in the same order."""
    assert [[state.label, state.text] for state in State] == CASES["states"]
    assert [[kind.label, kind.text] for kind in Contradiction] == CASES["contradictions"]
    assert {name: [state.label for state in states] for name, states in GROUPS.items()} == CASES["groups"]


def test_verdicts_are_the_same() -> None:
    """Every slot of every table, of three kernels."""
    seen: set[str] = set()
    for table in CASES["tables"]:
        layout, books, data = _parts(table)
        assert len(data) == len(table["verdicts"]) * layout.stride
        for index, expected in enumerate(table["verdicts"]):
            slot = layout.decode(data[index * layout.stride : (index + 1) * layout.stride])
            frame = layout.index_base + index
            known = facts(layout, slot, is_head(frame, min(slot.order, 255)))
            found = books.resolve(verdict(layout, known), frame)
            contradiction = found.contradiction.label if found.contradiction else ""
            assert [found.state.label, contradiction, found.text] == expected, (table["profile"], index, slot, expected)
            seen.update((found.state.label, contradiction))
    assert len(seen) > 20, seen


def test_counts_are_the_same() -> None:
    """Whole tables, read in pieces of any length."""
    for table in CASES["tables"]:
        layout, books, data = _parts(table)
        total = len(data) // layout.stride
        for size in (total, 1000, 7):
            if total > 10_000 and size != total:
                continue
            census = Census(layout, books)
            for first in range(0, total, size):
                census.add(data[first * layout.stride : (first + size) * layout.stride], layout.index_base + first)
            found, expected = census.summary(), table["counts"]
            assert found.frames == expected["frames"] and found.with_vtable == expected["withVtable"]
            assert [list(item) for item in found.flags] == expected["flags"], table["profile"]
            assert {state.label: count for state, count in found.states} == expected["states"]
            assert {kind.label: count for kind, count in found.contradictions} == expected["contradictions"]
            assert [list(item) for item in found.orders] == expected["orders"]
            references = [{"label": label, "frames": count} for label, count in found.references]
            assert references == expected["references"]
            assert [count for _, count in found.zones] == expected["zones"]


def test_runs_cover_every_slot_once() -> None:
    """Runs follow each other without gap, and every slot of a run equals its first."""
    for table in CASES["tables"]:
        layout, _, data = _parts(table)
        stride, end = layout.stride, 0
        for index, count in runs(data, stride):
            assert index == end and count > 0
            slot = data[index * stride : (index + 1) * stride]
            assert data[index * stride : (index + count) * stride] == slot * count
            assert data[(index + count) * stride : (index + count + 1) * stride] != slot
            end = index + count
        assert end == len(data) // stride


def test_expressions_hold_for_the_same_frames() -> None:
    """Random expressions over the slots of the first table, one by one and counted."""
    table = CASES["tables"][0]
    layout, books, data = _parts(table)
    rows = []
    for index in range(len(data) // layout.stride):
        slot = layout.decode(data[index * layout.stride : (index + 1) * layout.stride])
        state = books.resolve(verdict(layout, facts(layout, slot, is_head(index, min(slot.order, 255)))), index).state
        zone = books.zones.name(index)
        rows.append(Row(slot, index, state, zone.lower() if zone else "none"))
    assert len(CASES["expressions"]) > 300
    for case in CASES["expressions"]:
        where = compile_where(case["text"], layout, books.zones.names)
        found = [where.matches(row) for row in rows]
        assert found == case["matches"], case["text"]
        census = Census(layout, books, where)
        census.add(data, 0)
        summary = census.summary()
        assert summary.frames == sum(found), case["text"]
        counted = {state.label: count for state, count in summary.states}
        for state in State:
            expected = sum(row.state is state for row, wanted in zip(rows, found) if wanted)
            assert counted.get(state.label, 0) == expected, (case["text"], state)


def test_faults_are_told_in_the_same_words() -> None:
    """Damaged expressions: the sentence and the column."""
    table = CASES["tables"][0]
    layout, books, _ = _parts(table)
    for case in CASES["faults"]:
        try:
            compile_where(case["text"], layout, books.zones.names)
            found: tuple[str | None, int | None] = (None, None)
        except WhereProblem as problem:
            found = (problem.message, problem.column)
        assert found == (case.get("message"), case.get("column")), (case, found)
