//! One `MetaSlot` for each 4 KiB frame.
use crate::x86_64::PhysAddr;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering::*};

#[repr(C)]
pub struct FreeLink {
    pub next: AtomicU64,
    pub prev: AtomicU64,
}

#[repr(C)]
pub struct MetaSlot {
    pub free_link: FreeLink,
    pub vtable: AtomicU64,
    pub flags: AtomicU32,
    pub order: AtomicU8,
    pub refcount: AtomicU32,
    pub generation: AtomicU32,
    pub guard: AtomicU32,
    pub meta_aux: AtomicU32,
    pub reserved: [u64; 2],
}

const _: () = assert!(core::mem::size_of::<MetaSlot>() == 64);
const _: () = assert!(core::mem::offset_of!(MetaSlot, refcount) == 32);

/// What may run when a frame's block is released.
#[repr(C)]
pub struct FrameMetaVtable {
    pub on_last_ref: Option<fn(PhysAddr)>,
    pub on_unmap: Option<fn(PhysAddr)>,
    pub reserved: [u64; 6],
}

const _: () = assert!(core::mem::size_of::<FrameMetaVtable>() == 64);

#[used]
#[link_section = ".rodata.vtables"]
pub static DEFAULT_FRAME_META_VTABLE: FrameMetaVtable =
    FrameMetaVtable { on_last_ref: None, on_unmap: None, reserved: [0; 6] };
/// Virtual address of slot 0; 0 until the table is set up.
#[used]
pub static METADATA_BASE_VIRT: AtomicU64 = AtomicU64::new(0);
#[used]
pub static METADATA_FRAME_COUNT: AtomicU64 = AtomicU64::new(0);

pub const NONE: u64 = u64::MAX;
pub const UNUSED: u32 = u32::MAX;

pub mod flags {
    pub const COW: u32 = 1 << 0;
    pub const DLL: u32 = 1 << 1;
    pub const ANONYMOUS: u32 = 1 << 2;
    pub const ALLOCATED: u32 = 1 << 8;
    pub const FREE: u32 = 1 << 9;
    pub const KERNEL: u32 = 1 << 10;
    pub const USER: u32 = 1 << 11;
    pub const POISONED: u32 = 1 << 12;
    pub const MOVABLE: u32 = 1 << 13;
}

pub mod guard {
    pub const KERNEL_ONLY: u32 = 1 << 0;
    pub const POISONED: u32 = 1 << 31;
}

#[inline(always)]
pub fn count() -> u64 {
    METADATA_FRAME_COUNT.load(Relaxed)
}

/// The slot of a frame number.
#[inline(always)]
pub fn slot(frame: u64) -> &'static MetaSlot {
    assert!(frame < count(), "frame without a slot");
    unsafe { &*((METADATA_BASE_VIRT.load(Relaxed) + frame * 64) as *const MetaSlot) }
}

/// The slot of a physical address.
#[inline(always)]
pub fn at(address: u64) -> &'static MetaSlot {
    slot(address / super::PAGE)
}

/// Sets `frames` slots from `first` to an unlinked, unused state with these flags and this order.
pub fn fill(first: u64, frames: u64, flags: u32, order: u8, refcount: u32) {
    if frames == 0 {
        return;
    }
    let base = METADATA_BASE_VIRT.load(Relaxed) + first * 64;
    let words = [NONE, NONE, 0, flags as u64 | (order as u64) << 32, refcount as u64, 0, 0, 0];
    unsafe {
        for (index, word) in words.iter().enumerate() {
            (base as *mut u64).add(index).write_volatile(*word);
        }
        // A forward copy onto the next slot repeats the first one.
        core::arch::asm!("rep movsq", inout("rsi") base => _, inout("rdi") base + 64 => _,
            inout("rcx") (frames - 1) * 8 => _, options(nostack, preserves_flags));
    }
}

/// Marks a whole block: links, vtable and count are reset, the generation stays.
pub fn stamp(base: u64, order: u8, flags: u32) {
    let first = base / super::PAGE;
    for frame in first..first + (1 << order) {
        let slot = slot(frame);
        slot.free_link.next.store(NONE, Relaxed);
        slot.free_link.prev.store(NONE, Relaxed);
        slot.vtable.store(0, Relaxed);
        slot.guard.store(0, Relaxed);
        slot.refcount.store(UNUSED, Relaxed);
        slot.order.store(order, Relaxed);
        slot.flags.store(flags, Release);
    }
}

/// Takes an allocated frame into use: one reference, a new generation, clean vtable and guard.
pub fn claim(address: u64, kind: u32) {
    let slot = at(address);
    let claimed = slot.refcount.compare_exchange(UNUSED, 1, AcqRel, Acquire).is_ok();
    assert!(claimed, "frame claimed twice");
    slot.generation.fetch_add(1, AcqRel);
    slot.vtable.store(0, Relaxed);
    slot.guard.store(0, Relaxed);
    slot.meta_aux.store(crate::arch::cpu::id() as u32, Relaxed);
    slot.flags.fetch_or(kind, AcqRel);
}

/// Withdraws a live block from all later use.
pub fn poison(base: u64, order: u8) {
    let first = base / super::PAGE;
    for frame in first..first + (1 << order) {
        let slot = slot(frame);
        slot.guard.fetch_or(guard::POISONED, AcqRel);
        slot.flags.fetch_or(flags::POISONED, AcqRel);
    }
}

/// The vtable in force; misaligned bits select the default without a word, as the contract has it.
pub fn vtable_of(slot: &MetaSlot) -> &'static FrameMetaVtable {
    let raw = slot.vtable.load(Acquire);
    if raw == 0 || raw & 7 != 0 {
        return &DEFAULT_FRAME_META_VTABLE;
    }
    unsafe { &*(raw as *const FrameMetaVtable) }
}
