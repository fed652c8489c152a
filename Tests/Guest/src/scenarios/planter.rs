//! Changes what a scenario asks for, reports each change as ground truth, and remembers how to take it back.
use super::COUNT;
use crate::arch::cpu;
use crate::capability::CapId;
use crate::fixtures::Fixture;
use crate::json::Out;
use crate::memory::address_space::ADDRESS_SPACES;
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{BUDDY_ALLOCATOR, LOCAL_FRAME_CACHES, MAX_ORDER, POISON_QUARANTINE_PAGES};
use crate::memory::frame::{self, flags, guard, FrameMetaVtable, MetaSlot, NONE};
use crate::memory::ownership::OwnerEntry;
use crate::memory::zone::ZoneSegment;
use crate::memory::{paging, GLOBAL_MAPPING_INDEX, OWNERSHIP_TABLE, PAGE};
use crate::x86_64::PhysAddr;
use core::ops::RangeInclusive;
use core::sync::atomic::Ordering::*;

const RECORDS: usize = 2048;
const FRAMES: usize = 8;

/// A number in an owner entry. Entries move when the tree changes, so they are found again by their block.
#[derive(Clone, Copy)]
pub enum EntryField {
    CapsLength,
    TransientRefs,
    Refcount,
}

impl EntryField {
    /// Sets it; its name, where it lies now, and what was there.
    fn set(self, entry: &mut OwnerEntry, value: u64) -> (&'static str, u64, u8, u64) {
        let (name, address, size) = match self {
            EntryField::CapsLength => ("entry.caps.len", entry.caps.length_word() as u64, 8),
            EntryField::TransientRefs => ("entry.transient_refs", &raw mut entry.transient_refs as u64, 4),
            EntryField::Refcount => ("entry.refcount", &raw mut entry.refcount as u64, 4),
        };
        (name, address, size, poke(address, size, value))
    }
}

/// Takes a block back through the kernel's own path.
pub type Release = fn(BlockHandle, CapId, u64);

#[derive(Clone, Copy)]
enum Change {
    Memory { address: u64, size: u8, old: u64 },
    Entry { block: BlockHandle, field: EntryField, old: u64 },
    IndexLength { cap: CapId, old: u64 },
    Quarantined { added: usize },
    Block { release: Release, block: BlockHandle, cap: CapId, address: u64 },
}

impl Change {
    fn take_back(self) {
        match self {
            Change::Memory { address, size, old } => {
                poke(address, size, old);
            }
            Change::Entry { block, field, old } => {
                if let Some(entry) = OWNERSHIP_TABLE.get().entries.lock().get_mut(&block) {
                    field.set(entry, old);
                }
            }
            Change::IndexLength { cap, old } => {
                if let Some(mappings) = GLOBAL_MAPPING_INDEX.get().index.lock().get_mut(&cap) {
                    poke(mappings.length_word() as u64, 8, old);
                }
            }
            Change::Quarantined { added } => {
                POISON_QUARANTINE_PAGES.fetch_sub(added, AcqRel);
            }
            Change::Block { release, block, cap, address } => release(block, cap, address),
        }
    }
}

/// Every change that is in force.
pub struct Journal {
    records: [(usize, Change); RECORDS],
    count: usize,
    pub active: [bool; COUNT],
    /// The free list that a scenario has to itself, and whether it has those of smaller blocks beside it as well.
    lists: [Option<(List, bool)>; COUNT],
}

impl Journal {
    pub const fn new() -> Journal {
        Journal {
            records: [(0, Change::Memory { address: 0, size: 0, old: 0 }); RECORDS],
            count: 0,
            active: [false; COUNT],
            lists: [None; COUNT],
        }
    }

    fn add(&mut self, scenario: usize, change: Change) {
        assert!(self.count < RECORDS, "too many changes are planted");
        self.records[self.count] = (scenario, change);
        self.count += 1;
    }

    /// Takes a scenario's changes back, last first, and forgets them.
    pub fn restore(&mut self, scenario: usize) {
        for at in (0..self.count).rev() {
            if self.records[at].0 == scenario {
                self.records[at].1.take_back();
            }
        }
        let mut kept = 0;
        for at in 0..self.count {
            if self.records[at].0 != scenario {
                self.records[kept] = self.records[at];
                kept += 1;
            }
        }
        self.count = kept;
        self.lists[scenario] = None;
        flush_translations();
    }

    /// Whether the list belongs to a scenario.
    fn has(&self, list: &List) -> bool {
        self.lists.iter().flatten().any(|(taken, below)| {
            let order = if *below && list.order < taken.order { list.order } else { taken.order };
            *list == List { order, ..*taken }
        })
    }

    /// Whether a slot of the block has been changed.
    fn touches(&self, block: u64, order: usize) -> bool {
        let start = slot_address(block);
        let range = start..start + (64 << order);
        self.records[..self.count]
            .iter()
            .any(|record| matches!(record.1, Change::Memory { address, .. } if range.contains(&address)))
    }
}

fn slot_address(physical: u64) -> u64 {
    frame::at(physical) as *const MetaSlot as u64
}

fn flush_translations() {
    unsafe { cpu::write_cr3(cpu::read_cr3()) };
}

/// Writes and returns what was there.
fn poke(address: u64, size: u8, value: u64) -> u64 {
    unsafe {
        match size {
            1 => (address as *mut u8).replace(value as u8) as u64,
            4 => (address as *mut u32).replace(value as u32) as u64,
            _ => (address as *mut u64).replace(value),
        }
    }
}

/// One free list.
#[derive(Clone, Copy, PartialEq)]
pub struct List {
    pub zone: usize,
    pub segment: usize,
    pub kind: usize,
    pub order: usize,
}

impl List {
    fn segment(&self) -> *mut ZoneSegment {
        let guard = BUDDY_ALLOCATOR.lock();
        match guard.as_ref() {
            Some(buddy) => unsafe { buddy.zones[self.zone].segments.add(self.segment) },
            None => core::ptr::null_mut(),
        }
    }

    pub fn blocks(&self) -> usize {
        unsafe { (*self.segment()).free_blocks[self.kind][self.order] }
    }

    pub fn head(&self) -> u64 {
        unsafe { (*self.segment()).free_lists[self.kind][self.order] }
    }

    /// The block at this place of the list.
    pub fn block(&self, place: usize) -> u64 {
        (0..place).fold(self.head(), |block, _| frame::at(block).free_link.next.load(Acquire))
    }

    fn is_any(&self, mut condition: impl FnMut(u64) -> bool) -> bool {
        let mut block = self.head();
        for place in 0..self.blocks() {
            if place > 0 {
                block = frame::at(block).free_link.next.load(Acquire);
            }
            if condition(block) {
                return true;
            }
        }
        false
    }

    pub fn size(&self) -> u64 {
        PAGE << self.order
    }

    /// Every list, small blocks first.
    fn all() -> impl Iterator<Item = List> {
        let segments = BUDDY_ALLOCATOR.lock().as_ref().map_or([0; 3], |buddy| {
            [buddy.zones[0].segment_count, buddy.zones[1].segment_count, buddy.zones[2].segment_count]
        });
        (0..=MAX_ORDER).flat_map(move |order| {
            (0..3).flat_map(move |zone| {
                (0..segments[zone])
                    .flat_map(move |segment| (0..2).map(move |kind| List { zone, segment, kind, order }))
            })
        })
    }
}

/// What a scenario works with.
pub struct Planter<'a> {
    scenario: usize,
    pub fixture: Fixture,
    journal: &'a mut Journal,
    out: &'a mut Out,
    frames: [u64; FRAMES],
}

impl<'a> Planter<'a> {
    pub fn new(scenario: usize, fixture: Fixture, journal: &'a mut Journal, out: &'a mut Out) -> Planter<'a> {
        Planter { scenario, fixture, journal, out, frames: [u64::MAX; FRAMES] }
    }

    /// The frames that the finding is to name; unused places are all ones.
    pub fn frames(&self) -> [u64; FRAMES] {
        self.frames
    }

    /// Says that the finding is about the frame at this physical address.
    pub fn concerns(&mut self, physical: u64) {
        if let Some(place) = self.frames.iter_mut().find(|place| **place == u64::MAX || **place == physical / PAGE) {
            *place = physical / PAGE;
        }
    }

    /// The fixture's page.
    pub fn page(&self, index: u64) -> u64 {
        self.fixture.base + index * PAGE
    }

    pub fn block(&self) -> BlockHandle {
        BlockHandle { base: PhysAddr(self.fixture.base), order: self.fixture.order }
    }

    fn report(&mut self, physical: Option<u64>, field: &str, address: u64, size: u8, old: u64, value: u64) {
        self.out.element(b'{');
        if let Some(physical) = physical {
            self.out.number("pfn", physical / PAGE);
        }
        self.out.text("field", field);
        self.out.number("address", address);
        self.out.number("size", size as u64);
        self.out.number("old", old);
        self.out.number("value", value);
        self.out.close(b'}');
    }

    /// Writes to memory that stays where it is.
    pub fn write(&mut self, physical: Option<u64>, field: &str, address: u64, size: u8, value: u64) {
        let old = poke(address, size, value);
        self.journal.add(self.scenario, Change::Memory { address, size, old });
        self.report(physical, field, address, size, old, value);
    }

    pub fn vtable(&mut self, physical: u64, value: u64) {
        self.concerns(physical);
        self.sound_vtable(physical, value);
    }

    /// Installs a vtable where it is right: the finding is about another page.
    pub fn sound_vtable(&mut self, physical: u64, value: u64) {
        self.write(Some(physical), "vtable", frame::at(physical).vtable.as_ptr() as u64, 8, value);
    }

    /// Installs a vtable on the fixture's head.
    pub fn install(&mut self, vtable: *const FrameMetaVtable) {
        self.vtable(self.fixture.base, vtable as u64);
    }

    pub fn flags(&mut self, physical: u64, change: impl FnOnce(u32) -> u32) {
        let slot = frame::at(physical);
        let value = change(slot.flags.load(Acquire));
        self.write(Some(physical), "flags", slot.flags.as_ptr() as u64, 4, value as u64);
    }

    pub fn guard(&mut self, physical: u64, change: impl FnOnce(u32) -> u32) {
        let slot = frame::at(physical);
        let value = change(slot.guard.load(Acquire));
        self.write(Some(physical), "guard", slot.guard.as_ptr() as u64, 4, value as u64);
    }

    pub fn poison(&mut self, physical: u64) {
        self.guard(physical, |old| old | guard::POISONED);
        self.flags(physical, |old| old | flags::POISONED);
    }

    pub fn refcount(&mut self, physical: u64, value: u32) {
        self.write(Some(physical), "refcount", frame::at(physical).refcount.as_ptr() as u64, 4, value as u64);
    }

    pub fn meta_aux(&mut self, physical: u64, value: u32) {
        self.write(Some(physical), "meta_aux", frame::at(physical).meta_aux.as_ptr() as u64, 4, value as u64);
    }

    pub fn generation(&mut self, physical: u64, value: u32) {
        self.write(Some(physical), "generation", frame::at(physical).generation.as_ptr() as u64, 4, value as u64);
    }

    pub fn order(&mut self, physical: u64, value: u8) {
        self.write(Some(physical), "order", frame::at(physical).order.as_ptr() as u64, 1, value as u64);
    }

    pub fn next(&mut self, physical: u64, value: u64) {
        self.write(Some(physical), "next", frame::at(physical).free_link.next.as_ptr() as u64, 8, value);
    }

    pub fn prev(&mut self, physical: u64, value: u64) {
        self.write(Some(physical), "prev", frame::at(physical).free_link.prev.as_ptr() as u64, 8, value);
    }

    /// Sets numbers of the fixture's owner entry, and its head's count where given, under the table's lock.
    pub fn entry(&mut self, fields: &[(EntryField, u64)], refcount: Option<u32>) -> Result<(), &'static str> {
        let block = self.block();
        let mut entries = OWNERSHIP_TABLE.get().entries.lock();
        let entry = entries.get_mut(&block).ok_or("the fixture has no owner")?;
        for (field, value) in fields {
            let (name, address, size, old) = field.set(entry, *value);
            self.journal.add(self.scenario, Change::Entry { block, field: *field, old });
            self.report(Some(block.base.0), name, address, size, old, *value);
        }
        if let Some(refcount) = refcount {
            self.refcount(block.base.0, refcount);
        }
        Ok(())
    }

    /// Makes the mapping index forget a capability's mappings.
    pub fn forget_mappings(&mut self, cap: CapId) -> Result<(), &'static str> {
        let mut index = GLOBAL_MAPPING_INDEX.get().index.lock();
        let mappings = index.get_mut(&cap).ok_or("the fixture is not mapped")?;
        let address = mappings.length_word() as u64;
        let old = poke(address, 8, 0);
        self.journal.add(self.scenario, Change::IndexLength { cap, old });
        self.report(Some(self.fixture.base), "index.mappings.len", address, 8, old, 0);
        Ok(())
    }

    /// Sets a page table entry whose tables exist.
    pub fn page_table(&mut self, pid: u32, address: u64, level: u32, value: u64) -> Result<(), &'static str> {
        let root = ADDRESS_SPACES.lock().iter().find(|space| space.pid == pid).map(|space| space.cr3);
        let entry = paging::leaf_entry(root.ok_or("no such space")?, address, level).ok_or("no page table there")?;
        let physical = if value & paging::PRESENT != 0 { Some(value & paging::ADDRESS) } else { None };
        self.write(physical, "page_table_entry", entry as u64, 8, value);
        flush_translations();
        Ok(())
    }

    /// Clears the entries of the fixture's pages in a space.
    pub fn unmap_fixture(&mut self, pid: u32) -> Result<(), &'static str> {
        for page in 0..1u64 << self.fixture.order {
            self.page_table(pid, self.fixture.window + page * PAGE, 0, 0)?;
        }
        Ok(())
    }

    /// Counts so many pages as withheld.
    pub fn quarantined(&mut self, added: usize) {
        let old = POISON_QUARANTINE_PAGES.fetch_add(added, AcqRel);
        self.journal.add(self.scenario, Change::Quarantined { added });
        let address = POISON_QUARANTINE_PAGES.as_ptr() as u64;
        self.report(None, "POISON_QUARANTINE_PAGES", address, 8, old as u64, old.wrapping_add(added) as u64);
    }

    /// Remembers that a block was taken, and how it is given back.
    pub fn taken(&mut self, release: Release, block: BlockHandle, cap: CapId, address: u64) {
        self.concerns(block.base.0);
        self.journal.add(self.scenario, Change::Block { release, block, cap, address });
        let slot = frame::at(block.base.0);
        let count = slot.refcount.load(Acquire) as u64;
        self.report(Some(block.base.0), "refcount", slot.refcount.as_ptr() as u64, 4, count, count);
    }

    /// A free list of its own with so many blocks, small blocks first.
    pub fn list(&mut self, blocks: RangeInclusive<usize>) -> Result<List, &'static str> {
        self.find_list(blocks, 0..=MAX_ORDER, false)
    }

    /// A free list of its own with blocks of one of these orders, and with it all lists of smaller blocks beside it.
    pub fn lists_up_to(&mut self, orders: RangeInclusive<usize>) -> Result<List, &'static str> {
        self.find_list(1..=usize::MAX, orders, true)
    }

    fn find_list(
        &mut self, blocks: RangeInclusive<usize>, orders: RangeInclusive<usize>, below: bool,
    ) -> Result<List, &'static str> {
        let is_untouched = |list: &List| {
            !self.journal.has(list) && !list.is_any(|block| self.journal.touches(block, list.order))
        };
        let found = List::all().find(|list| {
            orders.contains(&list.order)
                && blocks.contains(&list.blocks())
                && is_untouched(list)
                && (!below || (0..list.order).all(|order| is_untouched(&List { order, ..*list })))
        });
        let list = found.ok_or("no free list like that")?;
        self.journal.lists[self.scenario] = Some((list, below));
        Ok(list)
    }

    /// A free block of at least this order that no scenario has touched, the smallest there is.
    pub fn free_block(&mut self, order: usize) -> Result<(u64, usize), &'static str> {
        let mut found = None;
        for list in List::all().filter(|list| list.order >= order && !self.journal.has(list)) {
            let is_found = list.is_any(|block| {
                found = Some((block, list.order));
                !self.journal.touches(block, list.order)
            });
            if is_found {
                return found.ok_or("no free block like that");
            }
        }
        Err("no free block like that")
    }

    /// A frame in a per-CPU cache that no scenario has touched.
    pub fn cached_frame(&mut self) -> Result<u64, &'static str> {
        for cache in LOCAL_FRAME_CACHES.iter() {
            let cache = cache.lock();
            if let Some(frame) = cache.frames[..cache.len].iter().find(|frame| !self.journal.touches(**frame, 0)) {
                return Ok(*frame);
            }
        }
        Err("no cached frame is left")
    }

    fn set_head(&mut self, list: List, block: u64) {
        let address = unsafe { &raw mut (*list.segment()).free_lists[list.kind][list.order] as u64 };
        self.write(None, "segment.free_lists", address, 8, block);
    }

    fn set_blocks(&mut self, list: List, blocks: usize) {
        let address = unsafe { &raw mut (*list.segment()).free_blocks[list.kind][list.order] as u64 };
        self.write(None, "segment.free_blocks", address, 8, blocks as u64);
    }

    /// Takes a block off its list as the allocator does.
    pub fn unlink(&mut self, list: List, block: u64) {
        let link = &frame::at(block).free_link;
        let (next, prev) = (link.next.load(Acquire), link.prev.load(Acquire));
        if prev == NONE {
            self.set_head(list, if next == NONE { 0 } else { next });
        } else {
            self.next(prev, next);
        }
        if next != NONE {
            self.prev(next, prev);
        }
        self.next(block, NONE);
        self.prev(block, NONE);
        self.set_blocks(list, list.blocks() - 1);
    }

    /// Puts a block onto a list as the allocator does.
    pub fn push(&mut self, list: List, block: u64) {
        let head = list.head();
        self.prev(block, NONE);
        self.next(block, if head == 0 { NONE } else { head });
        if head != 0 {
            self.prev(head, block);
        }
        self.set_head(list, block);
        self.set_blocks(list, list.blocks() + 1);
    }
}
