//! Leaks that come about the kernel's own way, and can be planted in the middle of the churn.
use super::planter::Planter;
use super::{misuse, near, Scenario};
use crate::capability::CapId;
use crate::fixtures::{self, owned_block, LEAKS};
use crate::memory::address_space::ADDRESS_SPACES;
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{self, Migratetype};
use crate::memory::frame::{self, flags};
use crate::memory::mapping_index::MappingRef;
use crate::memory::release::release_owned_block;
use crate::memory::{GLOBAL_MAPPING_INDEX, OWNERSHIP_TABLE, PAGE};
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use core::sync::atomic::{AtomicBool, Ordering::*};

fn new_block(order: u8) -> Result<(BlockHandle, CapId), &'static str> {
    let (base, cap) = owned_block(order, flags::USER, Migratetype::Movable).ok_or("no memory")?;
    Ok((BlockHandle { base: PhysAddr(base), order }, cap))
}

fn map(block: BlockHandle, cap: CapId, address: u64) {
    for page in 0..1u64 << block.order {
        fixtures::map(1, address + page * PAGE, block.base.0 + page * PAGE, 0, true, false, cap);
    }
}

fn unmap(block: BlockHandle, cap: CapId, address: u64) {
    for page in 0..1u64 << block.order {
        let vaddr = address + page * PAGE;
        for space in ADDRESS_SPACES.lock().iter_mut().filter(|space| space.pid == 1) {
            space.unmap(vaddr);
        }
        GLOBAL_MAPPING_INDEX.get().remove(cap, MappingRef { pid: 1, vaddr, page_size: PAGE });
    }
}

/// A place for mappings that no other scenario uses.
fn place(p: &Planter) -> u64 {
    LEAKS + p.fixture.number * 0x10_0000
}

fn unpin(block: BlockHandle) {
    if OWNERSHIP_TABLE.get().unpin(block) {
        release_owned_block(block);
    }
}

fn drop_cap(block: BlockHandle, cap: CapId) {
    if OWNERSHIP_TABLE.get().drop_cap(block, cap) {
        release_owned_block(block);
    }
}

/// Own, map, pin, unmap, drop the capability, and forget to unpin.
fn leak(p: &mut Planter, order: u8) -> Result<(), &'static str> {
    let (block, cap) = new_block(order)?;
    map(block, cap, place(p));
    OWNERSHIP_TABLE.get().pin(block);
    unmap(block, cap, place(p));
    drop_cap(block, cap);
    p.taken(|block, _, _| unpin(block), block, cap, 0);
    Ok(())
}

/// Pin beside a live capability, and forget to unpin.
fn forget(p: &mut Planter, order: u8) -> Result<(), &'static str> {
    let (block, cap) = new_block(order)?;
    let address = place(p);
    map(block, cap, address);
    OWNERSHIP_TABLE.get().pin(block);
    let release = |block, cap, address| {
        unpin(block);
        unmap(block, cap, address);
        drop_cap(block, cap);
    };
    p.taken(release, block, cap, address);
    Ok(())
}

/// A pinned frame that is given up and taken anew again and again: the pin that is seen is never the same.
#[derive(Clone, Copy)]
struct Pulse {
    block: BlockHandle,
    cap: CapId,
    address: u64,
    keeps_cap: bool,
}

static PULSES: SpinLock<[Option<Pulse>; 2]> = SpinLock::new([None; 2]);
static IS_PULSING: AtomicBool = AtomicBool::new(false);

impl Pulse {
    fn begin(address: u64, keeps_cap: bool) -> Option<Pulse> {
        let (block, cap) = new_block(0).ok()?;
        map(block, cap, address);
        OWNERSHIP_TABLE.get().pin(block);
        if !keeps_cap {
            unmap(block, cap, address);
            drop_cap(block, cap);
        }
        Some(Pulse { block, cap, address, keeps_cap })
    }

    fn end(self) {
        unpin(self.block);
        if self.keeps_cap {
            unmap(self.block, self.cap, self.address);
            drop_cap(self.block, self.cap);
        }
    }
}

/// Ends every such pin and begins it anew, most often on the same frame.
pub fn pulse() {
    if IS_PULSING.load(Acquire) {
        for place in PULSES.lock().iter_mut() {
            if let Some(pulse) = place.take() {
                pulse.end();
                *place = Pulse::begin(pulse.address, pulse.keeps_cap);
            }
        }
    }
}

fn begin_pulse(p: &mut Planter, keeps_cap: bool) -> Result<(), &'static str> {
    let pulse = Pulse::begin(place(p), keeps_cap).ok_or("no memory")?;
    PULSES.lock()[keeps_cap as usize] = Some(pulse);
    IS_PULSING.store(true, Release);
    let release = |_, _, address| {
        for place in PULSES.lock().iter_mut() {
            if place.is_some_and(|pulse| pulse.address == address) {
                if let Some(pulse) = place.take() {
                    pulse.end();
                }
            }
        }
    };
    p.taken(release, pulse.block, pulse.cap, pulse.address);
    Ok(())
}

pub static ALL: [Scenario; 10] = [
    misuse("leak-pin", "pin-orphaned", |p| leak(p, 2)).natural(),
    misuse("leak-pin-single", "pin-orphaned", |p| leak(p, 0)).natural(),
    misuse("leak-pin-large", "pin-orphaned", |p| leak(p, 5)).natural(),
    misuse("stale-pin", "pin-stale", |p| forget(p, 2)).natural(),
    misuse("stale-pin-single", "pin-stale", |p| forget(p, 0)).natural(),
    misuse("leak-claim", "reference-unowned", |p| {
        let base = buddy::alloc(2, Migratetype::Movable).ok_or("no memory")?;
        frame::claim(base, flags::USER);
        let release = |block: BlockHandle, _, _| buddy::free(block.base.0, block.order);
        p.taken(release, BlockHandle { base: PhysAddr(base), order: 2 }, CapId(0), 0);
        Ok(())
    })
    .natural(),
    misuse("leak-capability", "capability-unmapped", |p| {
        let (block, cap) = new_block(1)?;
        p.taken(|block, cap, _| drop_cap(block, cap), block, cap, 0);
        Ok(())
    })
    .natural(),
    near("near-leak-claim", "reference-unowned", |p| {
        let base = buddy::alloc(2, Migratetype::Unmovable).ok_or("no memory")?;
        frame::claim(base, flags::KERNEL);
        let release = |block: BlockHandle, _, _| buddy::free(block.base.0, block.order);
        p.taken(release, BlockHandle { base: PhysAddr(base), order: 2 }, CapId(0), 0);
        Ok(())
    })
    .natural(),
    near("near-leak-pin", "pin-orphaned", |p| begin_pulse(p, false)).natural(),
    near("near-stale-pin", "pin-stale", |p| begin_pulse(p, true)).natural(),
];
