"""Looks up who owns a block: the kernel's ownership table, and its index of mappings."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import Problem, ReadProblem
from .facts import KernelFacts, MappingLayout, OwnershipLayout
from .profile import number
from .reports import Capability, OwnerReport
from .space import AddressSpace
from .trees import Entry, Tree, elements

#: Blocks that begin together differ in order; so many entries are looked at for the one that holds a frame.
_CANDIDATES = 4


@dataclass
class Ownership:
    """The kernel's record of a block; None where it has none, and what could not be read."""

    report: OwnerReport | None = None
    gaps: list[str] = field(default_factory=list)


def find_owner(facts: KernelFacts, space: AddressSpace, frame: int) -> Ownership:
    """The record of the block that holds a frame."""
    result = Ownership()
    layout = facts.ownership
    if layout is None:
        raise Problem(f"the ownership table: {facts.missing.get('the ownership table', 'its layout is not known')}")
    anchor = facts.anchor(facts.profile.tree["ownership"]["anchor"])
    held = layout.path.check("the ownership table", anchor, space.read)
    if held:
        result.gaps.append(held)
    try:
        tree = Tree(
            layout.tree,
            space.read,
            anchor + layout.path.offset,
            lambda key: (layout.base.of(key), layout.order.of(key)),
        )
        entry = _holding(tree, layout, frame)
        if entry is not None:
            result.report = _report(facts, space, layout, entry, result)
    except ReadProblem as problem:
        result.gaps.append(f"the ownership table: {problem}")
    return result


def _holding(tree: Tree, layout: OwnershipLayout, frame: int) -> Entry | None:
    for position, entry in enumerate(tree.below(((frame + 1) << 12, 0))):
        if position == _CANDIDATES:
            break
        order = layout.order.of(entry.key)
        if order <= 40 and 0 <= frame - (layout.base.of(entry.key) >> 12) < 1 << order:
            return entry
    return None


def _report(
    facts: KernelFacts, space: AddressSpace, layout: OwnershipLayout, entry: Entry, result: Ownership
) -> OwnerReport:
    states = facts.profile.tree["ownership"].get("states", [])
    state = layout.state.of(entry.value)
    capabilities: list[Capability] = []
    try:
        vector = entry.value[layout.capabilities_offset :]
        for element in elements(layout.capabilities, vector, space.read):
            capabilities.append(Capability(layout.capability.of(element)))
        _add_mappings(facts, space, capabilities, result)
    except ReadProblem as problem:
        result.gaps.append(f"the entry at {entry.address:#x}: {problem}")
    return OwnerReport(
        base=layout.base.of(entry.key),
        order=layout.order.of(entry.key),
        state=states[state] if state < len(states) else str(state),
        refcount=layout.refcount.of(entry.value),
        pins=layout.pins.of(entry.value),
        address=entry.address,
        capabilities=capabilities,
    )


def _add_mappings(facts: KernelFacts, space: AddressSpace, capabilities: list[Capability], result: Ownership) -> None:
    """Adds where the mapping index says that the capabilities are mapped."""
    layout = facts.mappings
    if layout is None:
        result.gaps.append(f"the mapping index: {facts.missing.get('the mapping index', 'its layout is not known')}")
        return
    try:
        anchor = facts.anchor(facts.profile.tree["mappings"]["anchor"])
        held = layout.path.check("the mapping index", anchor, space.read)
        if held:
            result.gaps.append(held)
        tree = Tree(layout.tree, space.read, anchor + layout.path.offset, lambda key: (layout.capability.of(key),))
        for capability in capabilities:
            entry = next(iter(tree.below((capability.number + 1,))), None)
            if entry is not None and layout.capability.of(entry.key) == capability.number:
                capability.mappings = _mappings(facts, space, layout, entry)
    except Problem as problem:
        result.gaps.append(f"the mapping index: {problem}")


def _mappings(
    facts: KernelFacts, space: AddressSpace, layout: MappingLayout, entry: Entry
) -> list[tuple[int, int, int]]:
    sizes = [number(size) for size in facts.profile.tree["mappings"].get("sizes", [])]
    result = []
    for element in elements(layout.mappings, entry.value, space.read):
        size = layout.size.of(element)
        # Kernels note the size itself, or which of the sizes it is.
        size = sizes[size] if size < len(sizes) else size
        result.append((layout.address.of(element), layout.space.of(element), size))
    return result
