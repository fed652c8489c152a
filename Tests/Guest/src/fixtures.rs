//! What every boot has: three address spaces with pages of all sizes, and owned blocks that the churn leaves alone.
use crate::capability::CapId;
use crate::memory::address_space::{AddressSpace, ADDRESS_SPACES};
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{self, Migratetype, MAX_ORDER};
use crate::memory::frame::{self, flags, FrameMetaVtable};
use crate::memory::mapping_index::MappingRef;
use crate::memory::{GLOBAL_MAPPING_INDEX, OWNERSHIP_TABLE, PAGE};
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

pub const COUNT: usize = 8;
pub const ORDER: u8 = 2;
pub const SPACES: u32 = 3;

/// An owned block of order 2, mapped page by page in the first space, with one capability.
#[derive(Clone, Copy)]
pub struct Fixture {
    pub base: u64,
    pub cap: CapId,
}

pub static FIXTURES: SpinLock<[Fixture; COUNT]> = SpinLock::new([Fixture { base: 0, cap: CapId(0) }; COUNT]);
static NEXT_CAP: AtomicU64 = AtomicU64::new(1);
/// Virtual address of a vtable on the heap, for scenarios.
pub static HEAP_VTABLE: AtomicU64 = AtomicU64::new(0);

pub fn fresh_cap() -> CapId {
    CapId(NEXT_CAP.fetch_add(1, Ordering::Relaxed))
}

/// Allocates, claims and owns a block.
pub fn owned_block(order: u8, kind: u32, migrate: Migratetype) -> Option<(u64, CapId)> {
    let base = buddy::alloc(order, migrate)?;
    frame::claim(base, kind);
    let cap = fresh_cap();
    OWNERSHIP_TABLE.get().own(BlockHandle { base: PhysAddr(base), order }, cap);
    Some((base, cap))
}

fn map(pid: u32, address: u64, physical: u64, level: u32, writable: bool, executable: bool, cap: CapId) {
    let mut spaces = ADDRESS_SPACES.lock();
    let space = spaces.iter_mut().find(|space| space.pid == pid).expect("no such address space");
    space.map(address, physical, level, writable, executable);
    drop(spaces);
    let page_size = PAGE << (9 * level);
    GLOBAL_MAPPING_INDEX.get().add(cap, MappingRef { pid, vaddr: address, page_size });
}

pub fn init() {
    for pid in 1..=SPACES {
        let space = AddressSpace::new(pid);
        ADDRESS_SPACES.lock().push(space);
    }
    // 4 KiB pages in every space: read-write, read-only, executable.
    for pid in 1..=SPACES {
        for index in 0..6u64 {
            if let Some((base, cap)) = owned_block(0, flags::USER, Migratetype::Movable) {
                map(pid, 0x40_0000 + index * PAGE, base, 0, index % 3 == 0, index % 3 == 2, cap);
            }
        }
    }
    // One block seen from two spaces, a capability each.
    if let Some((base, cap)) = owned_block(0, flags::USER, Migratetype::Movable) {
        map(1, 0x7fff_0000_0000, base, 0, true, false, cap);
        let second = fresh_cap();
        OWNERSHIP_TABLE.get().share(BlockHandle { base: PhysAddr(base), order: 0 }, second);
        map(2, 0x7ffe_0000_0000, base, 0, false, false, second);
    }
    // 2 MiB pages: read-write, read-only, executable.
    for pid in 1..=SPACES {
        if let Some((base, cap)) = owned_block(9, flags::USER, Migratetype::Movable) {
            map(pid, 0x10_0000_0000 + ((pid as u64) << 21), base, 1, pid == 1, pid == 3, cap);
        }
    }
    // One 1 GiB page over the blocks that make it up, where the CPU can and enough RAM remains.
    let map_is_large = buddy::BUDDY_ALLOCATOR.lock().as_ref().is_some_and(|buddy| buddy.total_pages >= 3 << 17);
    if map_is_large && crate::arch::cpu::has_gigabyte_pages() {
        if let Some(base) = buddy::alloc_gigabyte() {
            let address = 0x100_0000_0000;
            for index in 0..128u64 {
                let part = index * (PAGE << MAX_ORDER);
                frame::claim(base + part, flags::USER);
                let cap = fresh_cap();
                let block = BlockHandle { base: PhysAddr(base + part), order: MAX_ORDER as u8 };
                OWNERSHIP_TABLE.get().own(block, cap);
                let mapping = MappingRef { pid: SPACES, vaddr: address + part, page_size: 1 << 30 };
                GLOBAL_MAPPING_INDEX.get().add(cap, mapping);
            }
            for space in ADDRESS_SPACES.lock().iter_mut().filter(|space| space.pid == SPACES) {
                space.map(address, base, 2, true, false);
            }
        }
    }
    for index in 0..COUNT {
        let (base, cap) = owned_block(ORDER, flags::USER, Migratetype::Movable).expect("no memory for a fixture");
        for page in 0..1u64 << ORDER {
            map(1, 0x20_0000_0000 + index as u64 * 0x1_0000 + page * PAGE, base + page * PAGE, 0, true, false, cap);
        }
        FIXTURES.lock()[index] = Fixture { base, cap };
    }
    let on_heap = Box::new(FrameMetaVtable {
        on_last_ref: Some(crate::hooks::count_last_ref),
        on_unmap: None,
        reserved: [0; 6],
    });
    HEAP_VTABLE.store(Box::into_raw(on_heap) as u64, Ordering::Relaxed);
}
