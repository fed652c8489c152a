"""What a frame is doing, as far as its slot and the allocator's books can tell: the rules of inspectd.

The tests hold names, sentences and verdicts against inspectd's own.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from .layout import Layout, Slot


class State(Enum):
    """The states, in inspectd's order: name, and meaning in a sentence without a full stop."""

    UNMANAGED = ("unmanaged", "never managed: a hole, firmware, or reserved at boot")
    FREE_LISTED = ("free-listed", "free, first frame of a block that is linked into a free list")
    FREE_UNLINKED = (
        "free-unlinked",
        "free, first frame of a block without links: alone on its list or in a per-CPU cache",
    )
    FREE_CACHED = ("free-cached", "free, in a per-CPU cache")
    FREE_LOST = ("free-lost", "free, but on no free list and in no per-CPU cache")
    FREE_INTERIOR = ("free-interior", "free, inside a larger free block")
    RAW = ("raw", "allocated without the claim step: kernel stack, device buffer, contiguous memory")
    CLAIMED = ("claimed-other", "allocated and claimed")
    CLAIMED_KERNEL = ("kernel", "allocated, claimed by the kernel")
    CLAIMED_USER = ("user", "allocated, claimed for user space")
    BLOCK_PAGE = ("block-page", "inside an allocated block; references are counted on the block's first frame")
    RELEASING = ("releasing", "allocated without references left: about to be freed")
    POISONED = ("poisoned", "poisoned while in use")
    QUARANTINED = ("quarantined", "poisoned and withheld: never handed out again")
    INCONSISTENT = ("inconsistent", "the slot's fields contradict each other")

    def __init__(self, label: str, text: str) -> None:
        self.label = label
        self.text = text


class Contradiction(Enum):
    """What contradicts what in a slot, in inspectd's order."""

    FREE_AND_ALLOCATED = ("free-and-allocated", "the flags say free and allocated at once")
    NO_ALLOCATOR_FLAG = ("no-allocator-flag", "flags are set, but neither the one for free nor the one for allocated")
    UNMANAGED_IN_USE = (
        "unmanaged-in-use",
        "no flags are set, but references, links, a claim, a guard or a vtable are",
    )
    FREE_AND_CLAIMED = ("free-and-claimed", "the flags say free and claimed at once")
    FREE_COUNTED = ("free-counted", "free, but the refcount is not the mark for unused")
    FREE_WITH_VTABLE = ("free-with-vtable", "free, but a vtable is set")
    FREE_WITH_GUARD = ("free-with-guard", "free, but guard bits are set")
    MISALIGNED = ("misaligned", "on a free list, but no block of this order can begin here")
    ORDER_TOO_LARGE = ("order-too-large", "the order is larger than the kernel's largest block")
    KERNEL_AND_USER = (
        "kernel-and-user",
        "the flags say claimed by the kernel and for user space at once",
    )
    CLAIMED_UNCOUNTED = ("claimed-uncounted", "claimed, but the refcount says unused")
    COUNTED_UNCLAIMED = ("counted-unclaimed", "references are counted, but nobody claimed the frame")
    POISON_HALF_SET = ("poison-half-set", "poison is marked in only one of flags and guard")
    POISONED_LISTED = ("poisoned-listed", "poisoned, but on a free list")

    def __init__(self, label: str, text: str) -> None:
        self.label = label
        self.text = text


#: States by their names.
STATES = {state.label: state for state in State}
_FREE = (State.FREE_LISTED, State.FREE_UNLINKED, State.FREE_CACHED, State.FREE_LOST, State.FREE_INTERIOR)
_CLAIMED = (State.CLAIMED, State.CLAIMED_KERNEL, State.CLAIMED_USER)
#: Sets of states that have a name of their own in a WHERE expression.
GROUPS: dict[str, tuple[State, ...]] = {
    "free": _FREE,
    "allocated": (State.RAW, *_CLAIMED, State.BLOCK_PAGE, State.RELEASING, State.POISONED),
    "claimed": _CLAIMED,
}


class Verdict(NamedTuple):
    """A state, and what is wrong where something is."""

    state: State
    contradiction: Contradiction | None = None

    @property
    def text(self) -> str:
        """The state in words."""
        return f"inconsistent: {self.contradiction.text}" if self.contradiction else self.state.text


class Facts(NamedTuple):
    """What the state depends on."""

    flags: int
    order: int
    refcount: int
    guard: int
    has_vtable: bool
    is_linked: bool
    is_head: bool
    was_claimed: bool


def is_head(frame: int, order: int) -> bool:
    """Whether a block of this order can begin at the frame."""
    return order < 64 and frame & ((1 << order) - 1) == 0


def facts(layout: Layout, slot: Slot, head: bool) -> Facts:
    """What the state of a slot depends on; `head`: whether a block of its order can begin there."""
    return Facts(
        slot.flags,
        min(slot.order, 255),
        slot.refcount,
        slot.guard,
        slot.vtable != layout.vtable_default,
        layout.is_linked(slot),
        head,
        slot.generation != 0,
    )


def verdict(layout: Layout, known: Facts) -> Verdict:
    """The state that these facts give to a frame."""
    if not layout.allocated_mask | layout.free_mask:
        return _by_references(layout, known)
    is_free = known.flags & layout.free_mask != 0
    is_allocated = known.flags & layout.allocated_mask != 0
    is_poisoned = known.flags & layout.poisoned_mask != 0
    if is_free and is_allocated:
        return _contradiction(Contradiction.FREE_AND_ALLOCATED)
    is_guarded = known.guard & layout.guard_poisoned_mask != 0
    if layout.guard_poisoned_mask and layout.poisoned_mask and is_poisoned != is_guarded:
        return _contradiction(Contradiction.POISON_HALF_SET)
    # Without a flag for free, what is not allocated is free or was never managed: the slot cannot tell.
    if not is_free and not is_allocated:
        return Verdict(State.POISONED) if is_poisoned else _unmanaged(layout, known)
    if known.order > layout.max_order:
        return _contradiction(Contradiction.ORDER_TOO_LARGE)
    return _free(layout, known, is_poisoned) if is_free else _allocated(layout, known, is_poisoned)


def _contradiction(kind: Contradiction) -> Verdict:
    return Verdict(State.INCONSISTENT, kind)


def _is_unused(layout: Layout, known: Facts) -> bool | None:
    return None if layout.refcount_unused is None else known.refcount == layout.refcount_unused


def _unmanaged(layout: Layout, known: Facts) -> Verdict:
    if known.flags:
        return _contradiction(Contradiction.NO_ALLOCATOR_FLAG)
    is_counted = layout.has("refcount") and not _is_unused(layout, known) and layout.counted(known.refcount) != 0
    if is_counted or known.is_linked or known.was_claimed or known.guard or known.has_vtable:
        return _contradiction(Contradiction.UNMANAGED_IN_USE)
    return Verdict(State.UNMANAGED)


def _free(layout: Layout, known: Facts, is_poisoned: bool, is_by_references: bool = False) -> Verdict:
    if is_poisoned:
        # Withheld as it was when it was freed: the other fields may be stale.
        return _contradiction(Contradiction.POISONED_LISTED) if known.is_linked else Verdict(State.QUARANTINED)
    if known.flags & (layout.kernel_mask | layout.user_mask):
        return _contradiction(Contradiction.FREE_AND_CLAIMED)
    if not is_by_references and _is_unused(layout, known) is False:
        return _contradiction(Contradiction.FREE_COUNTED)
    if known.has_vtable:
        return _contradiction(Contradiction.FREE_WITH_VTABLE)
    if known.guard:
        return _contradiction(Contradiction.FREE_WITH_GUARD)
    if known.is_head:
        return Verdict(State.FREE_LISTED if known.is_linked else State.FREE_UNLINKED)
    return _contradiction(Contradiction.MISALIGNED) if known.is_linked else Verdict(State.FREE_INTERIOR)


def _allocated(layout: Layout, known: Facts, is_poisoned: bool) -> Verdict:
    unused = _is_unused(layout, known)
    is_released = layout.has("refcount") and not unused and layout.counted(known.refcount) == 0
    if is_poisoned:
        return Verdict(State.QUARANTINED if known.is_head and is_released else State.POISONED)
    is_kernel = known.flags & layout.kernel_mask != 0
    is_user = known.flags & layout.user_mask != 0
    if is_kernel and is_user:
        return _contradiction(Contradiction.KERNEL_AND_USER)
    if not known.is_head:
        return Verdict(State.BLOCK_PAGE)
    if is_released:
        return Verdict(State.RELEASING)
    if not layout.kernel_mask | layout.user_mask:
        return Verdict(State.RAW if unused else State.CLAIMED)
    if is_kernel or is_user:
        if unused:
            return _contradiction(Contradiction.CLAIMED_UNCOUNTED)
        return Verdict(State.CLAIMED_KERNEL if is_kernel else State.CLAIMED_USER)
    return _contradiction(Contradiction.COUNTED_UNCLAIMED) if unused is False else Verdict(State.RAW)


def _by_references(layout: Layout, known: Facts) -> Verdict:
    """For kernels whose flags do not say who owns a frame: the refcount is all there is."""
    if known.order > layout.max_order:
        return _contradiction(Contradiction.ORDER_TOO_LARGE)
    is_poisoned = known.flags & layout.poisoned_mask != 0 or known.guard & layout.guard_poisoned_mask != 0
    is_free = _is_unused(layout, known)
    if is_free is None:
        is_free = layout.has("refcount") and layout.counted(known.refcount) == 0
    if is_free:
        return _free(layout, known, is_poisoned, is_by_references=True)
    if is_poisoned:
        return Verdict(State.POISONED)
    if not known.is_head:
        return Verdict(State.BLOCK_PAGE)
    if layout.refcount_unused is not None and layout.counted(known.refcount) == 0:
        return Verdict(State.RELEASING)
    if known.flags & layout.kernel_mask:
        return Verdict(State.CLAIMED_KERNEL)
    return Verdict(State.CLAIMED_USER if known.flags & layout.user_mask else State.CLAIMED)
