//! Misuses that are planted on command and taken back. A new one needs a function and a line in `ALL`.
use crate::fixtures::{Fixture, COUNT, FIXTURES, HEAP_VTABLE, ORDER};
use crate::hooks;
use crate::json::Out;
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{BUDDY_ALLOCATOR, MAX_ORDER};
use crate::memory::frame::{self, flags, guard, FrameMetaVtable, MetaSlot};
use crate::memory::{self, OWNERSHIP_TABLE, PAGE};
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use core::sync::atomic::Ordering;

const WRITES: usize = 16;

#[derive(Clone, Copy)]
struct Write {
    address: u64,
    size: u8,
    old: u64,
}

#[derive(Clone, Copy)]
struct Undo {
    writes: [Write; WRITES],
    count: usize,
    active: bool,
}

/// Records every write for `unplant` and reports it as ground truth.
pub struct Planter<'a> {
    undo: &'a mut Undo,
    out: &'a mut Out,
    pub fixture: Fixture,
}

impl Planter<'_> {
    fn write(&mut self, frame: Option<u64>, field: &str, address: u64, size: u8, value: u64) {
        let old = poke(address, size, value);
        assert!(self.undo.count < WRITES, "a scenario with too many writes");
        self.undo.writes[self.undo.count] = Write { address, size, old };
        self.undo.count += 1;
        self.out.element(b'{');
        if let Some(frame) = frame {
            self.out.number("pfn", frame);
        }
        self.out.text("field", field);
        self.out.number("address", address);
        self.out.number("old", old);
        self.out.number("value", value);
        self.out.close(b'}');
    }

    fn vtable(&mut self, address: u64, value: u64) {
        self.write(Some(address / PAGE), "vtable", frame::at(address).vtable.as_ptr() as u64, 8, value);
    }

    fn flags(&mut self, address: u64, change: impl FnOnce(u32) -> u32) {
        let slot = frame::at(address);
        let value = change(slot.flags.load(Ordering::Acquire));
        self.write(Some(address / PAGE), "flags", slot.flags.as_ptr() as u64, 4, value as u64);
    }

    fn refcount(&mut self, address: u64, value: u32) {
        self.write(Some(address / PAGE), "refcount", frame::at(address).refcount.as_ptr() as u64, 4, value as u64);
    }

    fn block(&self) -> BlockHandle {
        BlockHandle { base: PhysAddr(self.fixture.base), order: ORDER }
    }
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

fn of(vtable: *const FrameMetaVtable) -> u64 {
    vtable as u64
}

/// The free block that heads the first list with at least `nodes` blocks.
fn free_block(nodes: usize) -> Option<u64> {
    let guard = BUDDY_ALLOCATOR.lock();
    let buddy = guard.as_ref()?;
    for zone in buddy.zones.iter().rev() {
        for segment in zone.segments() {
            for kind in 0..2 {
                for order in (0..=MAX_ORDER).rev() {
                    if segment.free_blocks[kind][order] >= nodes {
                        return Some(segment.free_lists[kind][order]);
                    }
                }
            }
        }
    }
    None
}

type Plant = fn(&mut Planter) -> Result<(), &'static str>;

/// Each scenario has a fixture of its own by its place in this list (places further apart than the fixtures share one).
pub static ALL: [(&str, Plant); 23] = [
    ("vtable-misaligned", |p| Ok(p.vtable(p.fixture.base, of(&hooks::COUNT_VTABLE) + 4))),
    ("vtable-unmapped", |p| Ok(p.vtable(p.fixture.base, 0xffff_c000_0000_0000))),
    ("vtable-noncanonical", |p| Ok(p.vtable(p.fixture.base, 0x0000_9000_0000_0000))),
    ("vtable-straddle", |p| {
        extern "C" {
            static __data_end: u8;
        }
        Ok(p.vtable(p.fixture.base, &raw const __data_end as u64 - 32))
    }),
    ("vtable-writable", |p| Ok(p.vtable(p.fixture.base, of(&raw const hooks::WRITABLE_VTABLE)))),
    ("vtable-heap", |p| Ok(p.vtable(p.fixture.base, HEAP_VTABLE.load(Ordering::Relaxed)))),
    ("vtable-direct-map", |p| {
        let physical = of(&hooks::COUNT_VTABLE) - memory::paging::KERNEL_OFFSET;
        Ok(p.vtable(p.fixture.base, memory::direct(physical)))
    }),
    ("vtable-dangling", |p| {
        let block = free_block(1).ok_or("no free block")?;
        Ok(p.vtable(p.fixture.base, memory::direct(block)))
    }),
    ("vtable-on-free-frame", |p| Ok(p.vtable(free_block(1).ok_or("no free block")?, of(&hooks::COUNT_VTABLE)))),
    ("vtable-reserved-nonzero", |p| Ok(p.vtable(p.fixture.base, of(&hooks::RESERVED_VTABLE)))),
    ("vtable-empty", |p| Ok(p.vtable(p.fixture.base, of(&hooks::EMPTY_VTABLE)))),
    ("vtable-symbol-mismatch", |p| Ok(p.vtable(p.fixture.base, of(&hooks::COUNT_VTABLE) + 8))),
    ("hook-dead", |p| Ok(p.vtable(p.fixture.base + PAGE, of(&hooks::COUNT_VTABLE)))),
    ("hook-partial", |p| Ok(p.vtable(p.fixture.base, of(&hooks::LOG_VTABLE)))),
    ("flags-contradict", |p| Ok(p.flags(p.fixture.base, |old| old | flags::FREE))),
    ("sentinel-broken", |p| Ok(p.refcount(free_block(1).ok_or("no free block")?, 1))),
    ("poison-half-set", |p| Ok(p.flags(p.fixture.base, |old| old | flags::POISONED))),
    ("poison-half-set-guard", |p| {
        let slot = frame::at(p.fixture.base);
        let value = slot.guard.load(Ordering::Acquire) | guard::POISONED;
        Ok(p.write(Some(p.fixture.base / PAGE), "guard", slot.guard.as_ptr() as u64, 4, value as u64))
    }),
    ("pin-orphaned", |p| {
        let mut entries = OWNERSHIP_TABLE.get().entries.lock();
        let entry = entries.get_mut(&p.block()).ok_or("the fixture has no owner")?;
        let frame = p.fixture.base / PAGE;
        p.write(Some(frame), "caps.len", entry.caps.length_word() as u64, 8, 0);
        p.write(Some(frame), "transient_refs", &raw mut entry.transient_refs as u64, 4, 1);
        p.write(Some(frame), "entry.refcount", &raw mut entry.refcount as u64, 4, 1);
        Ok(p.refcount(p.fixture.base, 1))
    }),
    ("pin-stale", |p| {
        let mut entries = OWNERSHIP_TABLE.get().entries.lock();
        let entry = entries.get_mut(&p.block()).ok_or("the fixture has no owner")?;
        let frame = p.fixture.base / PAGE;
        p.write(Some(frame), "transient_refs", &raw mut entry.transient_refs as u64, 4, 1);
        p.write(Some(frame), "entry.refcount", &raw mut entry.refcount as u64, 4, 2);
        Ok(p.refcount(p.fixture.base, 2))
    }),
    ("reference-mismatch", |p| Ok(p.refcount(p.fixture.base, 6))),
    ("freelist-broken-link", |p| {
        let head = free_block(2).ok_or("no free list with two blocks")?;
        let next = frame::at(head).free_link.next.load(Ordering::Acquire);
        let slot: &MetaSlot = frame::at(next);
        Ok(p.write(Some(next / PAGE), "prev", slot.free_link.prev.as_ptr() as u64, 8, next))
    }),
    ("freelist-cycle", |p| {
        let head = free_block(2).ok_or("no free list with two blocks")?;
        let next = frame::at(head).free_link.next.load(Ordering::Acquire);
        let slot: &MetaSlot = frame::at(next);
        Ok(p.write(Some(next / PAGE), "next", slot.free_link.next.as_ptr() as u64, 8, head))
    }),
];

static PLANTED: SpinLock<[Undo; ALL.len()]> = SpinLock::new(
    [Undo { writes: [Write { address: 0, size: 0, old: 0 }; WRITES], count: 0, active: false }; ALL.len()],
);

fn find(name: &str) -> Result<usize, &'static str> {
    ALL.iter().position(|known| known.0 == name).ok_or("no such scenario")
}

/// Plants `name` and writes the member `changes` with every field that was set.
pub fn plant(name: &str, out: &mut Out) -> Result<(), &'static str> {
    let index = find(name)?;
    let mut planted = PLANTED.lock();
    let undo = &mut planted[index];
    out.key("changes");
    out.open(b'[');
    let result = if undo.active {
        Err("already planted")
    } else {
        undo.count = 0;
        let fixture = FIXTURES.lock()[index % COUNT];
        let result = ALL[index].1(&mut Planter { undo: &mut *undo, out: &mut *out, fixture });
        undo.active = undo.count > 0;
        result
    };
    out.close(b']');
    result
}

/// Restores what `plant` changed, last write first.
pub fn unplant(name: &str) -> Result<(), &'static str> {
    let index = find(name)?;
    let mut planted = PLANTED.lock();
    let undo = &mut planted[index];
    if !undo.active {
        return Err("not planted");
    }
    for at in (0..undo.count).rev() {
        let write = undo.writes[at];
        poke(write.address, write.size, write.old);
    }
    undo.active = false;
    Ok(())
}

pub fn list(out: &mut Out) {
    let planted = PLANTED.lock();
    out.key("scenarios");
    out.open(b'[');
    for (index, known) in ALL.iter().enumerate() {
        out.element(b'{');
        out.text("name", known.0);
        out.boolean("planted", planted[index].active);
        out.close(b'}');
    }
    out.close(b']');
}
