//! What every boot has: three address spaces with pages of all sizes, and owned blocks that the churn leaves alone.
use crate::capability::CapId;
use crate::memory::address_space::{AddressSpace, ADDRESS_SPACES};
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{self, Migratetype, MAX_ORDER};
use crate::memory::frame::{self, flags, FrameMetaVtable};
use crate::memory::mapping_index::MappingRef;
use crate::memory::{GLOBAL_MAPPING_INDEX, OWNERSHIP_TABLE, PAGE};
use crate::scenarios;
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

pub const COUNT: usize = scenarios::COUNT;
pub const SPACES: u32 = 3;
/// Where fixtures are mapped, 64 KiB apart.
const WINDOWS: u64 = 0x20_0000_0000;
const WINDOW: u64 = 0x1_0000;
/// Where scenarios map single pages of the second space.
pub const SPARE: u64 = 0x50_0000;
/// Where scenarios map blocks of their own.
pub const LEAKS: u64 = 0x28_0000_0000;
/// Where blocks that were asked for are mapped.
const MORE: u64 = 0x60_0000_0000;

/// What a fixture is: one for each scenario, and nothing else ever changes it.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// Four pages of a user, owned by one capability, mapped page by page in the first space.
    Owned,
    /// Likewise, one page.
    Single,
    /// Likewise, with a second capability that maps it in the second space.
    Shared,
    /// Likewise, with six capabilities, of which the first maps it: more than fit into the entry.
    Spilled,
    /// Four pages of the kernel, owned by one capability, mapped page by page in the first space.
    KernelOwned,
    /// Four pages that the kernel claimed, without an owner.
    Kernel,
    /// Four pages that were allocated and not claimed.
    Raw,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Owned => "owned",
            Kind::Single => "single",
            Kind::Shared => "shared",
            Kind::Spilled => "spilled",
            Kind::KernelOwned => "kernel-owned",
            Kind::Kernel => "kernel",
            Kind::Raw => "raw",
        }
    }
}

/// A block that a scenario can change, beside every other.
#[derive(Clone, Copy)]
pub struct Fixture {
    pub number: u64,
    pub base: u64,
    pub order: u8,
    pub cap: CapId,
    /// The capability that maps a shared block in the second space.
    pub second: CapId,
    /// Virtual address of its first page, of 16 pages that are its own.
    pub window: u64,
}

const NONE: Fixture = Fixture { number: 0, base: 0, order: 0, cap: CapId(0), second: CapId(0), window: 0 };
pub static FIXTURES: SpinLock<[Fixture; COUNT]> = SpinLock::new([NONE; COUNT]);
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

/// Maps a page in the tables and in the index.
pub fn map(pid: u32, address: u64, physical: u64, level: u32, writable: bool, executable: bool, cap: CapId) {
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
    for pid in 1..=2 {
        for space in ADDRESS_SPACES.lock().iter_mut().filter(|space| space.pid == pid) {
            for address in (WINDOWS..WINDOWS + COUNT as u64 * WINDOW).step_by(2 << 20) {
                space.prepare(address);
            }
            space.prepare(SPARE);
        }
    }
    for (number, scenario) in scenarios::all().enumerate() {
        FIXTURES.lock()[number] = make(number as u64, scenario.fixture);
    }
    let on_heap = Box::new(FrameMetaVtable {
        on_last_ref: Some(crate::hooks::count_last_ref),
        on_unmap: None,
        reserved: [0; 6],
    });
    HEAP_VTABLE.store(Box::into_raw(on_heap) as u64, Ordering::Relaxed);
}

pub fn get(scenario: usize) -> Fixture {
    FIXTURES.lock()[scenario]
}

fn make(number: u64, kind: Kind) -> Fixture {
    let order = if kind == Kind::Single { 0 } else { 2 };
    let window = WINDOWS + number * WINDOW;
    let mut fixture = Fixture { number, order, window, ..NONE };
    if kind == Kind::Raw || kind == Kind::Kernel {
        fixture.base = buddy::alloc(order, Migratetype::Unmovable).expect("no memory for a fixture");
        if kind == Kind::Kernel {
            frame::claim(fixture.base, flags::KERNEL);
        }
        return fixture;
    }
    let claim = if kind == Kind::KernelOwned { flags::KERNEL } else { flags::USER };
    let (base, cap) = owned_block(order, claim, Migratetype::Movable).expect("no memory for a fixture");
    (fixture.base, fixture.cap) = (base, cap);
    let map_all = |pid, cap| {
        for page in 0..1u64 << order {
            map(pid, window + page * PAGE, base + page * PAGE, 0, true, false, cap);
        }
    };
    map_all(1, cap);
    let block = BlockHandle { base: PhysAddr(base), order };
    if kind == Kind::Shared {
        fixture.second = fresh_cap();
        OWNERSHIP_TABLE.get().share(block, fixture.second);
        map_all(2, fixture.second);
    }
    if kind == Kind::Spilled {
        for _ in 0..5 {
            OWNERSHIP_TABLE.get().share(block, fresh_cap());
        }
    }
    fixture
}

/// Makes address spaces until there are `count`.
pub fn grow_spaces(count: u32) {
    loop {
        let pid = ADDRESS_SPACES.lock().len() as u32 + 1;
        if pid > count {
            return;
        }
        let space = AddressSpace::new(pid);
        ADDRESS_SPACES.lock().push(space);
    }
}

static MORE_OWNED: AtomicU64 = AtomicU64::new(0);

/// Makes so many more owned blocks of one, two and four pages, mapped in the address spaces by turns; how many it made.
pub fn own_more(count: u64) -> u64 {
    let spaces = ADDRESS_SPACES.lock().len() as u64;
    for made in 0..count {
        let order = [0, 0, 1, 0, 2][(made % 5) as usize];
        let Some((base, cap)) = owned_block(order, flags::USER, Migratetype::Movable) else { return made };
        let number = MORE_OWNED.fetch_add(1, Ordering::Relaxed);
        let pid = 1 + (number % spaces) as u32;
        for page in 0..1u64 << order {
            let address = MORE + (number / spaces * 4 + page) * PAGE;
            map(pid, address, base + page * PAGE, 0, number % 3 != 0, false, cap);
        }
    }
    count
}
