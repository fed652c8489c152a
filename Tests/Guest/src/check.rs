//! The kernel's own audit: is everything it keeps consistent? Violations bear the names that FrameInspect gives them.
//! Needs everything to stand still, and allocates nothing.
use crate::hooks;
use crate::memory::address_space::ADDRESS_SPACES;
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{BUDDY_ALLOCATOR, LOCAL_FRAME_CACHES, POISON_QUARANTINE_PAGES};
use crate::memory::frame::{self, flags, guard, MetaSlot, NONE, UNUSED};
use crate::memory::ownership::OwnerEntry;
use crate::memory::{paging, GLOBAL_MAPPING_INDEX, OWNERSHIP_TABLE, PAGE};
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use alloc::collections::BTreeMap;
use core::sync::atomic::Ordering::*;

pub struct Violation {
    pub rule: &'static str,
    pub frame: u64,
}

type Check = Result<(), Violation>;

fn require(is_kept: bool, rule: &'static str, frame: u64) -> Check {
    if is_kept { Ok(()) } else { Err(Violation { rule, frame }) }
}

/// Marks for so many frames at a time; larger tables take several rounds.
const WINDOW: u64 = 1 << 18;
const LISTED: u8 = 1 << 7;
const CACHED: u8 = 1 << 6;
const OWNED: u8 = 1 << 5;
const MAPPINGS: u8 = OWNED - 1;
static MARKS: SpinLock<[u8; WINDOW as usize]> = SpinLock::new([0; WINDOW as usize]);

struct Marks<'a> {
    marks: &'a mut [u8; WINDOW as usize],
    start: u64,
}

impl Marks<'_> {
    fn at(&mut self, frame: u64) -> Option<&mut u8> {
        self.marks.get_mut(frame.checked_sub(self.start)? as usize)
    }

    fn of(&self, frame: u64) -> u8 {
        self.marks[(frame - self.start) as usize]
    }

    /// Sets a mark that may be there once only.
    fn set_once(&mut self, first: u64, frames: u64, mark: u8) -> Check {
        for frame in first..first + frames {
            if let Some(marks) = self.at(frame) {
                require(*marks & (LISTED | CACHED) == 0, "block-overlap", frame)?;
                *marks |= mark;
            }
        }
        Ok(())
    }
}

fn has(slot: &MetaSlot, flag: u32) -> bool {
    slot.flags.load(Acquire) & flag != 0
}

/// Looks at everything; the first violation ends it.
pub fn run() -> Check {
    owners()?;
    let mut marks = MARKS.lock();
    for start in (0..frame::count()).step_by(WINDOW as usize) {
        marks.fill(0);
        let mut marks = Marks { marks: &mut *marks, start };
        mark_lists(&mut marks)?;
        mark_caches(&mut marks)?;
        mark_owners_and_mappings(&mut marks);
        for frame in start..(start + WINDOW).min(frame::count()) {
            slot(frame, marks.of(frame))?;
        }
        references(&marks)?;
    }
    quarantine()
}

/// Number of blocks with transient references.
pub fn pinned() -> u64 {
    OWNERSHIP_TABLE.get().entries.lock().values().filter(|entry| entry.transient_refs > 0).count() as u64
}

fn owners() -> Check {
    let entries = OWNERSHIP_TABLE.get().entries.lock();
    let index = GLOBAL_MAPPING_INDEX.get().index.lock();
    let mut end = 0;
    for (block, entry) in entries.iter() {
        let first = block.base.0 / PAGE;
        require(first % (1 << block.order) == 0, "order-misaligned", first)?;
        require(first >= end, "block-overlap", first)?;
        end = first + (1 << block.order);
        let slot = frame::slot(first);
        require(entry.transient_refs == 0 || entry.caps.len() > 0, "pin-orphaned", first)?;
        let count = entry.caps.len() as u32 + entry.transient_refs;
        require(entry.refcount == count, "reference-mismatch", first)?;
        require(slot.refcount.load(Acquire) == count, "reference-mismatch", first)?;
        require(has(slot, flags::ALLOCATED), "reference-mismatch", first)?;
        require(slot.order.load(Acquire) == block.order, "reference-mismatch", first)?;
        let is_indexed = |cap| index.get(cap).is_some_and(|mappings| mappings.len() > 0);
        if !entry.caps.as_slice().iter().any(is_indexed) {
            require(is_mapped(block), "capability-unmapped", first)?;
        }
    }
    Ok(())
}

fn is_mapped(block: &BlockHandle) -> bool {
    let (start, end) = (block.base.0, block.base.0 + (PAGE << block.order));
    let mut is_found = false;
    for space in ADDRESS_SPACES.lock().iter() {
        paging::for_each_leaf(space.cr3, &mut |_, physical, level| {
            is_found |= physical < end && start < physical + (PAGE << (9 * level));
        });
    }
    is_found
}

fn mark_lists(marks: &mut Marks) -> Check {
    let guard = BUDDY_ALLOCATOR.lock();
    let zones = guard.iter().flat_map(|buddy| buddy.zones.iter());
    for segment in zones.flat_map(|zone| zone.segments().iter()) {
        for (kind, order) in (0..2).flat_map(|kind| (0..segment.free_lists[kind].len()).map(move |order| (kind, order)))
        {
            let (mut block, mut previous, mut seen) = (segment.free_lists[kind][order], NONE, 0);
            while block != 0 && block != NONE {
                let first = block / PAGE;
                require(first < frame::count() && block % PAGE == 0, "freelist-broken-link", previous / PAGE)?;
                require(seen < segment.free_blocks[kind][order], "freelist-cycle", first)?;
                let slot = frame::slot(first);
                require(slot.free_link.prev.load(Acquire) == previous, "freelist-broken-link", first)?;
                require(first % (1 << order) == 0, "order-misaligned", first)?;
                for page in first..first + (1 << order) {
                    let slot = frame::slot(page);
                    require(has(slot, flags::FREE), "freelist-wrong-state", page)?;
                    require(!has(slot, flags::ALLOCATED), "flags-contradict", page)?;
                    require(!has(slot, flags::POISONED), "poison-recycled", page)?;
                }
                marks.set_once(first, 1 << order, LISTED)?;
                for page in first..first + (1 << order) {
                    let stamped = frame::slot(page).order.load(Acquire) as usize;
                    require(stamped == order, "freelist-wrong-state", page)?;
                }
                (previous, block, seen) = (block, slot.free_link.next.load(Acquire), seen + 1);
            }
            let last = if previous == NONE { 0 } else { previous / PAGE };
            require(seen == segment.free_blocks[kind][order], "freelist-broken-link", last)?;
        }
    }
    Ok(())
}

fn mark_caches(marks: &mut Marks) -> Check {
    for cache in LOCAL_FRAME_CACHES.iter() {
        let cache = cache.lock();
        for frame in &cache.frames[..cache.len] {
            let slot = frame::at(*frame);
            require(has(slot, flags::FREE), "freelist-wrong-state", frame / PAGE)?;
            require(!has(slot, flags::POISONED), "poison-recycled", frame / PAGE)?;
            marks.set_once(frame / PAGE, 1, CACHED)?;
        }
    }
    Ok(())
}

fn mark_owners_and_mappings(marks: &mut Marks) {
    for block in OWNERSHIP_TABLE.get().entries.lock().keys() {
        for page in block.base.0 / PAGE..(block.base.0 / PAGE) + (1 << block.order) {
            if let Some(mark) = marks.at(page) {
                *mark |= OWNED;
            }
        }
    }
    for space in ADDRESS_SPACES.lock().iter() {
        paging::for_each_leaf(space.cr3, &mut |_, physical, level| {
            for page in physical / PAGE..(physical / PAGE) + (1 << (9 * level)) {
                if let Some(mark) = marks.at(page) {
                    if *mark & MAPPINGS < MAPPINGS {
                        *mark += 1;
                    }
                }
            }
        });
    }
}

fn slot(frame: u64, marks: u8) -> Check {
    let slot = frame::slot(frame);
    let refcount = slot.refcount.load(Acquire);
    let is_free = has(slot, flags::FREE);
    require(!(is_free && has(slot, flags::ALLOCATED)), "flags-contradict", frame)?;
    let is_guarded = slot.guard.load(Acquire) & guard::POISONED != 0;
    require(has(slot, flags::POISONED) == is_guarded, "poison-half-set", frame)?;
    if is_free {
        require(refcount == UNUSED, "sentinel-broken", frame)?;
        require(slot.vtable.load(Acquire) == 0, "vtable-on-free-frame", frame)?;
        require(marks & (LISTED | CACHED) != 0, "free-unlisted", frame)?;
        require(marks & MAPPINGS == 0, "mapping-of-free-frame", frame)?;
    } else {
        require(marks & (LISTED | CACHED) == 0, "freelist-wrong-state", frame)?;
        let is_counted = has(slot, flags::USER) && refcount != UNUSED && refcount > 0;
        // A poisoned frame that was freed keeps its count.
        let is_known = marks & (OWNED | MAPPINGS) != 0 || has(slot, flags::POISONED);
        require(!is_counted || is_known, "reference-unowned", frame)?;
    }
    vtable(frame, slot)
}

/// Every mapping of a page needs a reference of its block.
fn references(marks: &Marks) -> Check {
    let entries: &BTreeMap<BlockHandle, OwnerEntry> = &OWNERSHIP_TABLE.get().entries.lock();
    let (start, end) = (marks.start, marks.start + WINDOW);
    for (block, entry) in entries.iter() {
        for page in block.base.0 / PAGE..(block.base.0 / PAGE) + (1 << block.order) {
            if page >= start && page < end {
                let mappings = (marks.of(page) & MAPPINGS) as u32;
                require(mappings <= entry.refcount, "mapping-exceeds-references", page)?;
            }
        }
    }
    Ok(())
}

fn is_read_only(address: u64) -> bool {
    extern "C" {
        static __rodata_start: u8;
        static __rodata_end: u8;
    }
    address >= &raw const __rodata_start as u64 && address.saturating_add(64) <= &raw const __rodata_end as u64
}

fn vtable(frame: u64, slot: &MetaSlot) -> Check {
    let address = slot.vtable.load(Acquire);
    if address == 0 {
        return Ok(());
    }
    require(address % 8 == 0, "vtable-misaligned", frame)?;
    let root = crate::memory::KERNEL_CR3.load(Acquire);
    let end = paging::translate(root, address.wrapping_add(63));
    let Some((begin, _)) = paging::translate(root, address).zip(end) else {
        return require(false, "vtable-unmapped", frame);
    };
    if begin.physical / PAGE < frame::count() {
        require(!has(frame::at(begin.physical), flags::FREE), "vtable-dangling", frame)?;
    }
    require(is_read_only(address), "vtable-writable", frame)?;
    let Some(known) = hooks::ALL.iter().find(|known| known.vtable as u64 == address) else {
        return require(false, "vtable-symbol-mismatch", frame);
    };
    if let Some(fault) = known.fault {
        return require(false, fault, frame);
    }
    let block = (frame >> slot.order.load(Acquire)) << slot.order.load(Acquire);
    let words: [u64; 2] = unsafe { *(address as *const [u64; 2]) };
    require(words[0] == 0 || frame == block, "hook-dead", frame)?;
    if words[1] != 0 {
        for page in block..block + (1 << slot.order.load(Acquire)) {
            let other = frame::vtable_of(frame::slot(page));
            require(other.on_unmap.is_some(), "hook-partial", frame)?;
        }
    }
    Ok(())
}

/// What is certainly withheld must be counted, and no more than what may be.
fn quarantine() -> Check {
    let counted = POISON_QUARANTINE_PAGES.load(Acquire) as u64;
    let (mut certain, mut possible) = (0, 0);
    let entries = OWNERSHIP_TABLE.get().entries.lock();
    for frame in 0..frame::count() {
        let slot = frame::slot(frame);
        if !has(slot, flags::POISONED) {
            continue;
        }
        let block = BlockHandle { base: PhysAddr(frame * PAGE), order: u8::MAX };
        let owner = entries.range(..block).next_back();
        let is_owned =
            owner.is_some_and(|(owner, _)| frame * PAGE < owner.base.0 + (PAGE << owner.order));
        possible += !is_owned as u64;
        if slot.refcount.load(Acquire) == 0 {
            certain += 1;
        }
    }
    require(certain <= counted && counted <= possible, "quarantine-count-mismatch", 0)
}
