//! Random but repeatable use of everything: allocate, claim, own, share, pin, map, poison, release.
use crate::arch::cpu::MAX_CPUS;
use crate::arch::{apic, cpu, smp};
use crate::capability::CapId;
use crate::fixtures::{fresh_cap, owned_block, SPACES};
use crate::{hooks, scenarios};
use crate::memory::address_space::ADDRESS_SPACES;
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{self, Migratetype};
use crate::memory::frame::{self, flags, FrameMetaVtable};
use crate::memory::mapping_index::MappingRef;
use crate::memory::release::release_owned_block;
use crate::memory::{GLOBAL_MAPPING_INDEX, OWNERSHIP_TABLE, PAGE};
use crate::random::Random;
use crate::smallvec::SmallVec;
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};

/// Mapped pages lie this far apart, so that every page has an entry of its own in the index.
const STRIDE: u64 = 2 * PAGE;
const WINDOW: u64 = 0x30_0000_0000;
const WINDOW_SLOTS: u64 = 4096;
const SLOT: u64 = 0x1_0000;
const MAPPED_PAGES: u64 = 8;
const MAX_CAPS: usize = 9;
/// A pin that an operation leaves goes after so many operations of its CPU at the latest.
const PIN_LIFE: u64 = 64;
const MAX_PINS: usize = 64;

#[derive(Clone, Copy, PartialEq)]
struct Mapping {
    cap: CapId,
    pid: u32,
    address: u64,
    pages: u64,
}

/// A block the churn holds. Without capabilities it is an unclaimed or a kernel block.
struct Object {
    base: u64,
    order: u8,
    caps: SmallVec<[CapId; 4]>,
    mappings: SmallVec<[Mapping; 4]>,
    pins: u32,
}

/// What one CPU's operations work on.
pub struct World {
    random: Random,
    steps: u64,
    /// The blocks that operations pinned and when, oldest first.
    pinned: VecDeque<(u64, u64)>,
    objects: Vec<Object>,
    target: usize,
    poisoned: u64,
    poison_limit: u64,
}

/// The boot CPU's world, which `seed` and `churn N` are about, and one for each other CPU.
pub static WORLDS: [SpinLock<Option<World>>; MAX_CPUS] = [const { SpinLock::new(None) }; MAX_CPUS];
pub static RUNNING: AtomicBool = AtomicBool::new(false);
pub static FROZEN: AtomicBool = AtomicBool::new(false);
pub static OPERATIONS: AtomicU64 = AtomicU64::new(0);
/// CPUs 1 to this one churn when told to.
static CHURNERS: AtomicUsize = AtomicUsize::new(1);
static WORKING: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];

pub fn init() {
    let pages = buddy::BUDDY_ALLOCATOR.lock().as_ref().map_or(0, |buddy| buddy.total_pages as u64);
    let cpus = smp::ONLINE.load(Acquire) as u64;
    for cpu in 0..cpus {
        // The first two have a full world each; further ones share what a third would have.
        let share = if cpu < 2 { 1 } else { cpus - 2 };
        let target = ((pages / 32).min(4000) / share) as usize;
        *WORLDS[cpu as usize].lock() = Some(World {
            random: Random::new(1 + cpu),
            steps: 0,
            pinned: VecDeque::with_capacity(MAX_PINS),
            objects: Vec::with_capacity(target + 1),
            target,
            poisoned: 0,
            poison_limit: (pages / 128).min(4096) / share,
        });
    }
}

fn with_worlds(mut body: impl FnMut(&mut World)) {
    for world in WORLDS.iter() {
        if let Some(world) = world.lock().as_mut() {
            body(world);
        }
    }
}

pub fn seed(seed: u64) {
    if let Some(world) = WORLDS[0].lock().as_mut() {
        world.random = Random::new(seed);
    }
}

/// Does so many operations on the running CPU.
pub fn run(count: u64) {
    for _ in 0..count {
        step();
    }
}

pub fn step() {
    if let Some(world) = WORLDS[cpu::id()].lock().as_mut() {
        world.step();
        if world.steps % 32 == 0 {
            scenarios::pulse();
        }
    }
    OPERATIONS.fetch_add(1, Relaxed);
}

pub fn objects() -> usize {
    let mut count = 0;
    with_worlds(|world| count += world.objects.len());
    count
}

/// Drops every pin that operations left.
pub fn settle() {
    with_worlds(|world| {
        world.pinned.clear();
        for index in 0..world.objects.len() {
            while world.objects[index].pins > 0 {
                world.unpin(index);
            }
        }
    });
}

/// So many other CPUs work where there are any; otherwise the command loop does it between commands.
pub fn start(cpus: usize) {
    CHURNERS.store(cpus, Release);
    RUNNING.store(true, Release);
    wake();
}

pub fn stop() {
    RUNNING.store(false, Release);
    wait_until_parked();
    settle();
}

pub fn freeze() {
    FROZEN.store(true, Release);
    wait_until_parked();
}

pub fn thaw() {
    FROZEN.store(false, Release);
    wake();
}

/// Whether nothing changes but by command.
pub fn is_still() -> bool {
    !wanted()
}

fn wake() {
    for cpu in 1..smp::ONLINE.load(Acquire).min(CHURNERS.load(Acquire) + 1) {
        apic::wake(cpu);
    }
}

fn wait_until_parked() {
    while WORKING.iter().any(|working| working.load(SeqCst)) {
        core::hint::spin_loop();
    }
}

pub fn wanted() -> bool {
    RUNNING.load(Acquire) && !FROZEN.load(Acquire)
}

/// The life of a CPU other than the first: it churns when told to, or sleeps.
pub fn work(id: usize) -> ! {
    let is_wanted = || wanted() && id <= CHURNERS.load(Acquire);
    cpu::disable_interrupts();
    loop {
        WORKING[id].store(true, SeqCst);
        while is_wanted() {
            cpu::enable_interrupts();
            step();
            cpu::disable_interrupts();
        }
        WORKING[id].store(false, SeqCst);
        // A wake-up between the last look and the sleep stays pending, because interrupts are off.
        if !is_wanted() {
            cpu::wait_for_interrupt();
        }
    }
}

impl World {
    fn step(&mut self) {
        self.steps += 1;
        self.drop_old_pin();
        if self.objects.len() >= self.target {
            return self.remove_any();
        }
        let full = self.objects.len() * 100 / self.target.max(1);
        match self.random.below(100) {
            0..=29 => self.add(),
            30..=41 => self.with_owned(Self::share),
            42..=49 => self.with_owned(Self::pin),
            50..=58 => self.with_owned(Self::unpin),
            59..=68 => self.with_owned(Self::remap),
            69..=76 => self.with_owned(Self::drop_one),
            77 => self.poison(),
            _ => {
                if self.random.chance(40 + full as u64 / 2) {
                    self.remove_any()
                } else {
                    self.add()
                }
            }
        }
    }

    fn with_owned(&mut self, action: fn(&mut World, usize)) {
        if self.objects.is_empty() {
            return self.add();
        }
        let start = self.random.below(self.objects.len() as u64) as usize;
        for distance in 0..8 {
            let index = (start + distance) % self.objects.len();
            if self.objects[index].caps.len() > 0 {
                return action(self, index);
            }
        }
        self.add();
    }

    fn add(&mut self) {
        let order = match self.random.below(100) {
            0..=49 => 0,
            50..=69 => 1,
            70..=81 => 2,
            82..=89 => 3,
            90..=94 => 4,
            95..=97 => 5,
            _ => 6,
        };
        let movable = self.random.chance(60);
        let migrate = if movable { Migratetype::Movable } else { Migratetype::Unmovable };
        let kind = self.random.below(100);
        let mut object = Object { base: 0, order, caps: SmallVec::new(), mappings: SmallVec::new(), pins: 0 };
        if kind < 40 {
            let Some(base) = buddy::alloc(order, migrate) else { return self.remove_any() };
            object.base = base;
            if kind >= 15 {
                // Some claim only the head, some every page on its own.
                let pages = if self.random.chance(25) { 1u64 << order } else { 1 };
                for page in 0..pages {
                    frame::claim(base + page * PAGE, flags::KERNEL);
                }
            }
            self.objects.push(object);
            return;
        }
        let claim = if kind < 48 { flags::KERNEL } else { flags::USER };
        let Some((base, cap)) = owned_block(order, claim, migrate) else { return self.remove_any() };
        if self.random.chance(25) {
            for page in 1..1u64 << order {
                frame::claim(base + page * PAGE, claim);
            }
        }
        if self.random.chance(25) {
            frame::at(base).flags.fetch_or(flags::ANONYMOUS, AcqRel);
        } else if self.random.chance(5) {
            frame::at(base).flags.fetch_or(flags::DLL, AcqRel);
        }
        if claim == flags::KERNEL && self.random.chance(30) {
            frame::at(base).guard.fetch_or(frame::guard::KERNEL_ONLY, AcqRel);
        }
        object.base = base;
        object.caps.push(cap);
        self.objects.push(object);
        let index = self.objects.len() - 1;
        self.map(index, cap);
        if self.random.chance(25) {
            self.install(index);
        }
    }

    /// Gives a block hooks that can all run: on_last_ref on the head only, on_unmap on every page.
    fn install(&mut self, index: usize) {
        let (head, rest): (&'static FrameMetaVtable, Option<&'static FrameMetaVtable>) = match self.random.below(4) {
            0 => (&hooks::COUNT_VTABLE, None),
            1 => (&hooks::LOG_VTABLE, Some(&hooks::LOG_VTABLE)),
            2 => (&hooks::SCRUB_VTABLE, Some(&hooks::SCRUB_VTABLE)),
            _ => (&hooks::DMA_VTABLE, Some(&hooks::SCRUB_VTABLE)),
        };
        let object = &self.objects[index];
        frame::at(object.base).vtable.store(head as *const FrameMetaVtable as u64, Release);
        if let Some(rest) = rest {
            for page in 1..1u64 << object.order {
                frame::at(object.base + page * PAGE).vtable.store(rest as *const FrameMetaVtable as u64, Release);
            }
        }
    }

    fn map(&mut self, index: usize, cap: CapId) {
        let pid = 1 + self.random.below(SPACES as u64) as u32;
        let address = WINDOW + self.random.below(WINDOW_SLOTS) * SLOT;
        let (writable, executable) = (self.random.chance(60), self.random.chance(20));
        let object = &mut self.objects[index];
        let pages = (1u64 << object.order).min(MAPPED_PAGES);
        // A pin protects the block while the mapping is published.
        let block = BlockHandle { base: PhysAddr(object.base), order: object.order };
        OWNERSHIP_TABLE.get().pin(block);
        let mut spaces = ADDRESS_SPACES.lock();
        let mut chosen = None;
        for distance in 0..64 {
            let candidate = WINDOW + ((address - WINDOW) + distance * SLOT) % (WINDOW_SLOTS * SLOT);
            let space = &mut spaces[pid as usize - 1];
            if !space.is_used(candidate, SLOT) {
                for page in 0..pages {
                    space.map(candidate + page * STRIDE, object.base + page * PAGE, 0, writable, executable);
                }
                chosen = Some(candidate);
                break;
            }
        }
        drop(spaces);
        if let Some(address) = chosen {
            for page in 0..pages {
                let mapping = MappingRef { pid, vaddr: address + page * STRIDE, page_size: PAGE };
                GLOBAL_MAPPING_INDEX.get().add(cap, mapping);
            }
            object.mappings.push(Mapping { cap, pid, address, pages });
        }
        OWNERSHIP_TABLE.get().unpin(block);
    }

    fn unmap(&mut self, index: usize, at: usize) {
        let mapping = self.objects[index].mappings.swap_remove(at);
        for page in 0..mapping.pages {
            let vaddr = mapping.address + page * STRIDE;
            ADDRESS_SPACES.lock()[mapping.pid as usize - 1].unmap(vaddr);
            GLOBAL_MAPPING_INDEX.get().remove(mapping.cap, MappingRef { pid: mapping.pid, vaddr, page_size: PAGE });
        }
    }

    fn share(&mut self, index: usize) {
        let object = &mut self.objects[index];
        if object.caps.len() >= MAX_CAPS {
            return;
        }
        let cap = fresh_cap();
        OWNERSHIP_TABLE.get().share(BlockHandle { base: PhysAddr(object.base), order: object.order }, cap);
        object.caps.push(cap);
        if self.random.chance(30) {
            frame::at(object.base).flags.fetch_or(flags::COW, AcqRel);
        }
        if self.random.chance(50) {
            self.map(index, cap);
        }
    }

    fn pin(&mut self, index: usize) {
        let object = &mut self.objects[index];
        if object.pins < 3 && self.pinned.len() < MAX_PINS {
            object.pins += 1;
            self.pinned.push_back((object.base, self.steps));
            OWNERSHIP_TABLE.get().pin(BlockHandle { base: PhysAddr(object.base), order: object.order });
        }
    }

    /// Drops the oldest pin when its time is up, unless it has gone with its block.
    fn drop_old_pin(&mut self) {
        let Some((base, since)) = self.pinned.front().copied() else { return };
        if self.steps - since >= PIN_LIFE {
            self.pinned.pop_front();
            if let Some(index) = self.objects.iter().position(|object| object.base == base && object.pins > 0) {
                self.unpin(index);
            }
        }
    }

    fn unpin(&mut self, index: usize) {
        let object = &mut self.objects[index];
        if object.pins > 0 {
            object.pins -= 1;
            let block = BlockHandle { base: PhysAddr(object.base), order: object.order };
            if OWNERSHIP_TABLE.get().unpin(block) {
                release_owned_block(block);
            }
        }
    }

    /// Moves a mapping to another place, perhaps into another space.
    fn remap(&mut self, index: usize) {
        let count = self.objects[index].mappings.len();
        if count == 0 {
            return;
        }
        let at = self.random.below(count as u64) as usize;
        let cap = self.objects[index].mappings.as_slice()[at].cap;
        self.unmap(index, at);
        self.map(index, cap);
    }

    /// Drops one capability and its mappings; the block lives on through another, and stays mapped.
    fn drop_one(&mut self, index: usize) {
        let count = self.objects[index].caps.len();
        if count < 2 {
            return;
        }
        let at = self.random.below(count as u64) as usize;
        let cap = self.objects[index].caps.swap_remove(at);
        while let Some(at) = self.objects[index].mappings.as_slice().iter().position(|mapping| mapping.cap == cap) {
            self.unmap(index, at);
        }
        if self.objects[index].mappings.len() == 0 {
            let other = self.objects[index].caps.as_slice()[0];
            self.map(index, other);
        }
        let object = &self.objects[index];
        OWNERSHIP_TABLE.get().drop_cap(BlockHandle { base: PhysAddr(object.base), order: object.order }, cap);
    }

    fn poison(&mut self) {
        if self.objects.is_empty() {
            return;
        }
        let index = self.random.below(self.objects.len() as u64) as usize;
        let object = &self.objects[index];
        let pages = 1u64 << object.order;
        let known = frame::at(object.base).flags.load(Relaxed) & flags::POISONED != 0;
        if !known && self.poisoned + pages <= self.poison_limit {
            self.poisoned += pages;
            frame::poison(object.base, object.order);
        }
    }

    fn remove_any(&mut self) {
        if self.objects.is_empty() {
            return;
        }
        let index = self.random.below(self.objects.len() as u64) as usize;
        while self.objects[index].pins > 0 {
            self.unpin(index);
        }
        while self.objects[index].mappings.len() > 0 {
            self.unmap(index, 0);
        }
        let object = self.objects.swap_remove(index);
        if object.caps.len() == 0 {
            return buddy::free(object.base, object.order);
        }
        let block = BlockHandle { base: PhysAddr(object.base), order: object.order };
        let mut last = false;
        for cap in object.caps.as_slice() {
            last = OWNERSHIP_TABLE.get().drop_cap(block, *cap);
        }
        if last {
            release_owned_block(block);
        }
    }
}
