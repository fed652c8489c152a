//! Every hook and every vtable of the kernel. A new one needs a function, a static, and a line in `ALL`.
use crate::memory::frame::{FrameMetaVtable, DEFAULT_FRAME_META_VTABLE};
use crate::memory::{self, PAGE};
use crate::x86_64::PhysAddr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};

pub static LAST_REF_CALLS: AtomicU64 = AtomicU64::new(0);
pub static UNMAP_CALLS: AtomicU64 = AtomicU64::new(0);
pub static FENCE: AtomicU64 = AtomicU64::new(0);
const LOG: usize = 64;
static LOG_NEXT: AtomicUsize = AtomicUsize::new(0);
static LOG_ENTRIES: [AtomicU64; LOG] = [const { AtomicU64::new(0) }; LOG];

/// Counts released blocks.
#[inline(never)]
pub fn count_last_ref(_block: PhysAddr) {
    LAST_REF_CALLS.fetch_add(1, Relaxed);
}

/// Counts released pages and remembers the last ones in a ring.
#[inline(never)]
pub fn log_unmap(page: PhysAddr) {
    UNMAP_CALLS.fetch_add(1, Relaxed);
    let at = LOG_NEXT.fetch_add(1, Relaxed) % LOG;
    LOG_ENTRIES[at].store(page.0, Relaxed);
}

/// Stops a device that does not exist from reaching the block.
#[inline(never)]
pub fn dma_fence_last_ref(block: PhysAddr) {
    FENCE.fetch_xor(block.0.rotate_left(17), AcqRel);
    LAST_REF_CALLS.fetch_add(1, Relaxed);
}

/// Wipes the first line of the page through the direct map.
#[inline(never)]
pub fn scrub_unmap(page: PhysAddr) {
    let line = memory::direct(page.0 & !(PAGE - 1)) as *mut u64;
    for word in 0..8 {
        unsafe { line.add(word).write_volatile(0) };
    }
    UNMAP_CALLS.fetch_add(1, Relaxed);
}

const fn vtable(on_last_ref: Option<fn(PhysAddr)>, on_unmap: Option<fn(PhysAddr)>) -> FrameMetaVtable {
    FrameMetaVtable { on_last_ref, on_unmap, reserved: [0; 6] }
}

#[used]
#[link_section = ".rodata.vtables"]
pub static COUNT_VTABLE: FrameMetaVtable = vtable(Some(count_last_ref), None);
#[used]
#[link_section = ".rodata.vtables"]
pub static LOG_VTABLE: FrameMetaVtable = vtable(None, Some(log_unmap));
#[used]
#[link_section = ".rodata.vtables"]
pub static SCRUB_VTABLE: FrameMetaVtable = vtable(None, Some(scrub_unmap));
#[used]
#[link_section = ".rodata.vtables"]
pub static DMA_VTABLE: FrameMetaVtable = vtable(Some(dma_fence_last_ref), Some(scrub_unmap));
/// Installed by hand only: it does nothing.
#[used]
#[link_section = ".rodata.vtables"]
pub static EMPTY_VTABLE: FrameMetaVtable = vtable(None, None);
/// Installed by hand only: a reserved word is set.
#[used]
#[link_section = ".rodata.vtables"]
pub static RESERVED_VTABLE: FrameMetaVtable =
    FrameMetaVtable { on_last_ref: Some(count_last_ref), on_unmap: None, reserved: [0, 0, 0x5eed, 0, 0, 0] };
/// Installed by hand only: it lies in writable data.
#[used]
pub static mut WRITABLE_VTABLE: FrameMetaVtable = vtable(Some(count_last_ref), Some(log_unmap));

pub struct Named {
    pub name: &'static str,
    pub vtable: *const FrameMetaVtable,
}

unsafe impl Sync for Named {}

pub static ALL: [Named; 8] = [
    Named { name: "DEFAULT_FRAME_META_VTABLE", vtable: &DEFAULT_FRAME_META_VTABLE },
    Named { name: "COUNT_VTABLE", vtable: &COUNT_VTABLE },
    Named { name: "LOG_VTABLE", vtable: &LOG_VTABLE },
    Named { name: "SCRUB_VTABLE", vtable: &SCRUB_VTABLE },
    Named { name: "DMA_VTABLE", vtable: &DMA_VTABLE },
    Named { name: "EMPTY_VTABLE", vtable: &EMPTY_VTABLE },
    Named { name: "RESERVED_VTABLE", vtable: &RESERVED_VTABLE },
    Named { name: "WRITABLE_VTABLE", vtable: &raw const WRITABLE_VTABLE },
];

/// The hooks by name, for reports.
pub static FUNCTIONS: [(&str, fn(PhysAddr)); 4] = [
    ("count_last_ref", count_last_ref),
    ("log_unmap", log_unmap),
    ("dma_fence_last_ref", dma_fence_last_ref),
    ("scrub_unmap", scrub_unmap),
];

pub fn name_of(hook: fn(PhysAddr)) -> &'static str {
    FUNCTIONS.iter().find(|known| known.1 as usize == hook as usize).map_or("", |known| known.0)
}
