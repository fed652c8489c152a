//! The block allocator: free lists by migrate type and order in each segment, and per-CPU caches of single frames.
use super::frame::{self, flags, guard, NONE, UNUSED};
use super::zone::{Zone, ZoneType};
use super::PAGE;
use crate::arch::cpu;
use crate::sync::SpinLock;
use core::sync::atomic::{AtomicUsize, Ordering::*};

pub const MAX_ORDER: usize = 11;
const CPUS: usize = 32;
const CACHE: usize = 256;
const BATCH: usize = 32;

#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Migratetype {
    Unmovable = 0,
    Movable = 1,
}

impl Migratetype {
    pub const COUNT: usize = 2;

    pub fn flag(self) -> u32 {
        if self == Migratetype::Movable { flags::MOVABLE } else { 0 }
    }

    fn of(flags: u32) -> usize {
        (flags & flags::MOVABLE != 0) as usize
    }
}

pub struct BuddyAllocator {
    pub zones: [Zone; 3],
    pub total_pages: usize,
}

/// Frames in here look free and sit on no list.
pub struct LocalFrameCache {
    pub len: usize,
    pub frames: [u64; CACHE],
}

#[used]
pub static BUDDY_ALLOCATOR: SpinLock<Option<BuddyAllocator>> = SpinLock::new(None);
#[used]
pub static LOCAL_FRAME_CACHES: [SpinLock<LocalFrameCache>; Migratetype::COUNT * CPUS] =
    [const { SpinLock::new(LocalFrameCache { len: 0, frames: [0; CACHE] }) }; Migratetype::COUNT * CPUS];
#[used]
pub static POISON_QUARANTINE_PAGES: AtomicUsize = AtomicUsize::new(0);

fn free_flags(kind: usize) -> u32 {
    flags::FREE | if kind == 1 { flags::MOVABLE } else { 0 }
}

impl BuddyAllocator {
    /// Puts a fresh segment onto its lists in the largest aligned blocks.
    pub fn seed(&mut self, zone: usize, segment: usize) {
        let part = &self.zones[zone].segments()[segment];
        let (mut at, end) = (part.base.0, part.base.0 + part.page_count as u64 * PAGE);
        let (zone_type, middle) = (self.zones[zone].zone_type, at + (end - at) / 2);
        self.total_pages += part.page_count;
        while at < end {
            let mut order = MAX_ORDER;
            while at % (PAGE << order) != 0 || at + (PAGE << order) > end {
                order -= 1;
            }
            let kind = match zone_type {
                ZoneType::DMA => 0,
                ZoneType::Normal => (at >= middle) as usize,
                ZoneType::HighMem => 1,
            };
            frame::fill(at / PAGE, 1 << order, free_flags(kind), order as u8, UNUSED);
            self.push(zone, segment, kind, order, at);
            at += PAGE << order;
        }
    }

    fn push(&mut self, zone: usize, segment: usize, kind: usize, order: usize, block: u64) {
        let part = &mut self.zones[zone].segments_mut()[segment];
        let head = part.free_lists[kind][order];
        let slot = frame::at(block);
        slot.free_link.prev.store(NONE, Relaxed);
        slot.free_link.next.store(if head == 0 { NONE } else { head }, Relaxed);
        if head != 0 {
            frame::at(head).free_link.prev.store(block, Relaxed);
        }
        part.free_lists[kind][order] = block;
        part.free_blocks[kind][order] += 1;
    }

    fn unlink(&mut self, zone: usize, segment: usize, kind: usize, order: usize, block: u64) {
        let part = &mut self.zones[zone].segments_mut()[segment];
        let slot = frame::at(block);
        let (next, prev) = (slot.free_link.next.swap(NONE, Relaxed), slot.free_link.prev.swap(NONE, Relaxed));
        if prev == NONE {
            part.free_lists[kind][order] = if next == NONE { 0 } else { next };
        } else {
            frame::at(prev).free_link.next.store(next, Relaxed);
        }
        if next != NONE {
            frame::at(next).free_link.prev.store(prev, Relaxed);
        }
        part.free_blocks[kind][order] -= 1;
    }

    /// Takes a block off the lists, splitting a larger one where needed. Its frames are ALLOCATED and unclaimed.
    pub fn alloc(&mut self, order: usize, wanted: Migratetype) -> Option<u64> {
        let zones: [usize; 3] = if wanted == Migratetype::Movable { [2, 1, 0] } else { [1, 2, 0] };
        for kind in [wanted as usize, 1 - wanted as usize] {
            for zone in zones {
                for larger in order..=MAX_ORDER {
                    for segment in 0..self.zones[zone].segment_count {
                        let block = self.zones[zone].segments()[segment].free_lists[kind][larger];
                        if block == 0 {
                            continue;
                        }
                        self.unlink(zone, segment, kind, larger, block);
                        for half in (order..larger).rev() {
                            let upper = block + (PAGE << half);
                            frame::stamp(upper, half as u8, free_flags(kind));
                            self.push(zone, segment, kind, half, upper);
                        }
                        frame::stamp(block, order as u8, flags::ALLOCATED | wanted.flag());
                        self.zones[zone].allocated += 1 << order;
                        return Some(block);
                    }
                }
            }
        }
        None
    }

    fn find(&self, block: u64) -> (usize, usize) {
        for (zone, part) in self.zones.iter().enumerate() {
            for (index, segment) in part.segments().iter().enumerate() {
                if block >= segment.base.0 && block < segment.base.0 + segment.page_count as u64 * PAGE {
                    return (zone, index);
                }
            }
        }
        panic!("{:#x} belongs to no zone", block)
    }

    /// Whether the block at `block` heads a list entry of this order. A FREE frame without links may also be in a
    /// per-CPU cache, so one without links must be the head of its list.
    fn is_listed(&self, zone: usize, segment: usize, kind: usize, order: usize, block: u64) -> bool {
        let part = &self.zones[zone].segments()[segment];
        let end = part.base.0 + part.page_count as u64 * PAGE;
        if block < part.base.0 || block + (PAGE << order) > end {
            return false;
        }
        let slot = frame::at(block);
        if slot.flags.load(Relaxed) != free_flags(kind) || slot.order.load(Relaxed) != order as u8 {
            return false;
        }
        slot.free_link.prev.load(Relaxed) != NONE || part.free_lists[kind][order] == block
    }

    /// Gives a block back and merges it with its free buddies.
    pub fn free(&mut self, block: u64, order: usize) {
        let (zone, segment) = self.find(block);
        let kind = Migratetype::of(frame::at(block).flags.load(Relaxed));
        let (mut base, mut merged) = (block, order);
        while merged < MAX_ORDER {
            let buddy = base ^ (PAGE << merged);
            if !self.is_listed(zone, segment, kind, merged, buddy) {
                break;
            }
            self.unlink(zone, segment, kind, merged, buddy);
            base &= !(PAGE << merged);
            merged += 1;
        }
        frame::stamp(base, merged as u8, free_flags(kind));
        self.push(zone, segment, kind, merged, base);
        self.zones[zone].allocated -= 1 << order;
    }

    /// Takes the aligned GiB at `base` where it is wholly free in blocks of the largest order; its frames are ALLOCATED.
    fn carve_gigabyte(&mut self, base: u64) -> bool {
        let (zone, segment) = self.find(base);
        let block = PAGE << MAX_ORDER;
        let kind = Migratetype::of(frame::at(base).flags.load(Relaxed));
        if !(0..128).all(|index| self.is_listed(zone, segment, kind, MAX_ORDER, base + index * block)) {
            return false;
        }
        for index in 0..128 {
            self.unlink(zone, segment, kind, MAX_ORDER, base + index * block);
            frame::stamp(base + index * block, MAX_ORDER as u8, flags::ALLOCATED | flags::MOVABLE);
        }
        self.zones[zone].allocated += 1 << 18;
        true
    }
}

/// The highest aligned GiB of free memory, taken whole.
pub fn alloc_gigabyte() -> Option<u64> {
    let mut guard = BUDDY_ALLOCATOR.lock();
    let buddy = guard.as_mut()?;
    let last = buddy.zones[2].segments().last().map(|segment| segment.base.0 + segment.page_count as u64 * PAGE)?;
    let mut base = (last >> 30) << 30;
    while base > 0 {
        base -= 1 << 30;
        let inside = buddy.zones[2]
            .segments()
            .iter()
            .any(|part| part.base.0 <= base && base + (1 << 30) <= part.base.0 + part.page_count as u64 * PAGE);
        if inside && buddy.carve_gigabyte(base) {
            return Some(base);
        }
    }
    None
}

/// Allocates a block; nothing is claimed.
pub fn alloc(order: u8, kind: Migratetype) -> Option<u64> {
    if order > 0 {
        return BUDDY_ALLOCATOR.lock().as_mut()?.alloc(order as usize, kind);
    }
    let mut cache = LOCAL_FRAME_CACHES[kind as usize * CPUS + cpu::id()].lock();
    if cache.len == 0 {
        let mut guard = BUDDY_ALLOCATOR.lock();
        let buddy = guard.as_mut()?;
        while cache.len < BATCH {
            let Some(block) = buddy.alloc(0, kind) else { break };
            frame::stamp(block, 0, free_flags(kind as usize));
            let len = cache.len;
            cache.frames[len] = block;
            cache.len = len + 1;
        }
    }
    if cache.len == 0 {
        return None;
    }
    cache.len -= 1;
    let block = cache.frames[cache.len];
    frame::stamp(block, 0, flags::ALLOCATED | kind.flag());
    Some(block)
}

/// Recycles a block, or withholds it for ever when it is poisoned. The vtable goes, of the guard only POISONED stays.
pub fn free(block: u64, order: u8) {
    let first = block / PAGE;
    let state = frame::slot(first).flags.load(Acquire);
    if state & flags::POISONED != 0 {
        for page in first..first + (1 << order) {
            let slot = frame::slot(page);
            slot.vtable.store(0, Relaxed);
            slot.guard.fetch_and(guard::POISONED, AcqRel);
        }
        POISON_QUARANTINE_PAGES.fetch_add(1 << order, AcqRel);
        return;
    }
    if order > 0 {
        if let Some(buddy) = BUDDY_ALLOCATOR.lock().as_mut() {
            buddy.free(block, order as usize);
        }
        return;
    }
    let kind = Migratetype::of(state);
    let mut cache = LOCAL_FRAME_CACHES[kind * CPUS + cpu::id()].lock();
    if cache.len == CACHE {
        if let Some(buddy) = BUDDY_ALLOCATOR.lock().as_mut() {
            for _ in 0..BATCH * 2 {
                cache.len -= 1;
                buddy.free(cache.frames[cache.len], 0);
            }
        }
    }
    frame::stamp(block, 0, free_flags(kind));
    let len = cache.len;
    cache.frames[len] = block;
    cache.len = len + 1;
}
