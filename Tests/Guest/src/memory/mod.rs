//! Physical memory: the frame table, the allocator, ownership, and page tables.
use crate::pvh::RamMap;
use core::sync::atomic::{AtomicU64, Ordering};

pub mod address_space;
pub mod block;
pub mod boot_alloc;
pub mod buddy;
pub mod frame;
pub mod heap;
pub mod mapping_index;
pub mod ownership;
pub mod paging;
pub mod release;
pub mod zone;

use crate::sync::{Once, SpinLock};
use mapping_index::MappingIndex;
use ownership::OwnershipTable;

pub const PAGE: u64 = 4096;
pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;

/// Virtual address = physical address + this.
#[used]
pub static HHDM_OFFSET: AtomicU64 = AtomicU64::new(DIRECT_MAP);
#[used]
pub static OWNERSHIP_TABLE: Once<OwnershipTable> = Once::new();
#[used]
pub static GLOBAL_MAPPING_INDEX: Once<MappingIndex> = Once::new();
pub static KERNEL_CR3: AtomicU64 = AtomicU64::new(0);
pub static RAM_MAP: SpinLock<RamMap> = SpinLock::new(RamMap::EMPTY);

/// The direct map's address of a physical address.
#[inline(always)]
pub fn direct(physical: u64) -> u64 {
    physical + HHDM_OFFSET.load(Ordering::Relaxed)
}

pub fn init(map: RamMap) {
    *RAM_MAP.lock() = map;
    let mut boot = boot_alloc::BootAllocator::new(&map);
    // From the top: the kernel's page tables end up beyond the last managed frame.
    let cr3 = paging::build_kernel_tables(&mut boot, &map);
    unsafe { crate::arch::cpu::write_cr3(cr3) };
    KERNEL_CR3.store(cr3, Ordering::Release);
    zone::init(&mut boot);
    OWNERSHIP_TABLE.set(OwnershipTable::new());
    GLOBAL_MAPPING_INDEX.set(MappingIndex::new());
}
