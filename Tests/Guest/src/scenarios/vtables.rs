//! Vtables that lie where they must not, hold what they must not, or are installed where they must not be.
use super::planter::Planter;
use super::{misuse, near, Scenario};
use crate::fixtures::{Kind, HEAP_VTABLE};
use crate::hooks;
use crate::memory::frame::{FrameMetaVtable, DEFAULT_FRAME_META_VTABLE};
use crate::memory::{direct, paging, PAGE};
use core::sync::atomic::Ordering::*;

fn of<T>(vtable: *const T) -> u64 {
    vtable as u64
}

fn good() -> [u64; 8] {
    let hook: fn(crate::x86_64::PhysAddr) = hooks::count_last_ref;
    [hook as u64, 0, 0, 0, 0, 0, 0, 0]
}

/// Writes a good vtable into a page through the direct map and installs it on the fixture's head.
fn copied_to(p: &mut Planter, physical: u64) {
    for (index, word) in good().iter().enumerate() {
        p.write(None, "memory", direct(physical) + index as u64 * 8, 8, *word);
    }
    p.vtable(p.fixture.base, direct(physical));
}

fn on_every_page(p: &mut Planter, head: &FrameMetaVtable, rest: &FrameMetaVtable) {
    p.vtable(p.fixture.base, of(head));
    for page in 1..1u64 << p.fixture.order {
        p.vtable(p.page(page), of(rest));
    }
}

pub static ALL: [Scenario; 36] = [
    misuse("vtable-misaligned", "vtable-misaligned", |p| Ok(p.vtable(p.fixture.base, of(&hooks::COUNT_VTABLE) + 4))),
    misuse("vtable-misaligned-one", "vtable-misaligned", |p| Ok(p.vtable(p.fixture.base, of(&hooks::DMA_VTABLE) + 1))),
    near("near-vtable-misaligned", "vtable-misaligned", |p| Ok(p.install(hooks::eight_vtable()))),
    misuse("vtable-unmapped", "vtable-unmapped", |p| Ok(p.vtable(p.fixture.base, 0xffff_c000_0000_0000))),
    misuse("vtable-unmapped-noncanonical", "vtable-unmapped", |p| Ok(p.vtable(p.fixture.base, 0x0000_9000_0000_0000))),
    misuse("vtable-unmapped-user-half", "vtable-unmapped", |p| Ok(p.vtable(p.fixture.base, 0x1000))),
    misuse("vtable-unmapped-straddle", "vtable-unmapped", |p| {
        extern "C" {
            static __data_end: u8;
        }
        Ok(p.vtable(p.fixture.base, &raw const __data_end as u64 - 32))
    })
    .also(&["vtable-writable"]),
    near("near-vtable-unmapped", "vtable-unmapped", |p| Ok(p.install(hooks::crossing_vtable()))),
    misuse("vtable-writable", "vtable-writable", |p| Ok(p.install(&raw const hooks::WRITABLE_VTABLE)))
        .also(&["hook-partial"]),
    misuse("vtable-writable-heap", "vtable-writable", |p| Ok(p.vtable(p.fixture.base, HEAP_VTABLE.load(Relaxed)))),
    misuse("vtable-writable-direct-map", "vtable-writable", |p| {
        Ok(p.vtable(p.fixture.base, direct(of(&hooks::COUNT_VTABLE) - paging::KERNEL_OFFSET)))
    }),
    misuse("vtable-writable-stack", "vtable-writable", |p| Ok(copied_to(p, p.page(1)))).on(Kind::Raw),
    near("near-vtable-writable", "vtable-writable", |p| Ok(p.install(&hooks::RELOCATED_VTABLE))),
    misuse("vtable-dangling", "vtable-dangling", |p| {
        let (block, _) = p.free_block(0)?;
        // The slot is touched, so that no other scenario takes the block.
        p.meta_aux(block, 0);
        Ok(copied_to(p, block))
    })
    .also(&["vtable-writable"])
    .frozen(),
    misuse("vtable-dangling-cached", "vtable-dangling", |p| {
        let frame = p.cached_frame()?;
        p.meta_aux(frame, 0);
        Ok(copied_to(p, frame))
    })
    .also(&["vtable-writable"])
    .frozen(),
    near("near-vtable-dangling", "vtable-dangling", |p| Ok(p.install(&hooks::SCRUB_VTABLE)))
        .on(Kind::Single),
    misuse("vtable-on-free-frame", "vtable-on-free-frame", |p| {
        let (block, _) = p.free_block(0)?;
        Ok(p.vtable(block, of(&hooks::COUNT_VTABLE)))
    })
    .frozen(),
    misuse("vtable-on-free-frame-tail", "vtable-on-free-frame", |p| {
        let (block, order) = p.free_block(1)?;
        Ok(p.vtable(block + (PAGE << order) - PAGE, of(&hooks::LOG_VTABLE)))
    })
    .also(&["hook-partial"])
    .frozen(),
    misuse("vtable-on-free-frame-cached", "vtable-on-free-frame", |p| {
        let frame = p.cached_frame()?;
        Ok(p.vtable(frame, of(&hooks::COUNT_VTABLE)))
    })
    .frozen(),
    near("near-vtable-on-free-frame", "vtable-on-free-frame", |p| Ok(p.install(&hooks::COUNT_VTABLE))).on(Kind::Raw),
    misuse("vtable-reserved-nonzero", "vtable-reserved-nonzero", |p| Ok(p.install(&hooks::RESERVED_VTABLE))),
    near("near-vtable-reserved-nonzero", "vtable-reserved-nonzero", |p| {
        Ok(on_every_page(p, &hooks::DMA_VTABLE, &hooks::SCRUB_VTABLE))
    }),
    misuse("vtable-empty", "vtable-empty", |p| Ok(p.install(&hooks::EMPTY_VTABLE))),
    near("near-vtable-empty", "vtable-empty", |p| Ok(p.install(&DEFAULT_FRAME_META_VTABLE))),
    misuse("vtable-symbol-mismatch", "vtable-symbol-mismatch", |p| {
        Ok(p.vtable(p.fixture.base, of(&hooks::SHIFTED_VTABLE) + 8))
    }),
    misuse("vtable-symbol-mismatch-words", "vtable-symbol-mismatch", |p| {
        Ok(p.vtable(p.fixture.base, of(&hooks::COUNT_VTABLE) + 8))
    })
    .also(&["vtable-empty", "vtable-reserved-nonzero"]),
    near("near-vtable-symbol-mismatch", "vtable-symbol-mismatch", |p| {
        Ok(p.vtable(p.fixture.base, of(&hooks::ASSEMBLY_VTABLE)))
    }),
    misuse("hook-dead", "hook-dead", |p| Ok(p.vtable(p.page(1), of(&hooks::COUNT_VTABLE)))),
    misuse("hook-dead-last-page", "hook-dead", |p| {
        // Also installed where it does run.
        p.sound_vtable(p.fixture.base, of(&hooks::COUNT_VTABLE));
        let last = p.page((1 << p.fixture.order) - 1);
        Ok(p.vtable(last, of(&hooks::COUNT_VTABLE)))
    }),
    near("near-hook-dead", "hook-dead", |p| Ok(p.install(&hooks::COUNT_VTABLE))),
    near("near-hook-dead-kernel", "hook-dead", |p| Ok(p.install(&hooks::COUNT_VTABLE))).on(Kind::Kernel),
    misuse("hook-partial", "hook-partial", |p| Ok(p.install(&hooks::LOG_VTABLE))),
    misuse("hook-partial-hole", "hook-partial", |p| {
        on_every_page(p, &hooks::SCRUB_VTABLE, &hooks::SCRUB_VTABLE);
        Ok(p.vtable(p.page(2), 0))
    }),
    near("near-hook-partial", "hook-partial", |p| Ok(on_every_page(p, &hooks::LOG_VTABLE, &hooks::LOG_VTABLE))),
    near("near-hook-partial-mixed", "hook-partial", |p| {
        Ok(on_every_page(p, &hooks::DMA_VTABLE, &hooks::LOG_VTABLE))
    }),
    near("near-hook-partial-single", "hook-partial", |p| Ok(p.install(&hooks::LOG_VTABLE))).on(Kind::Single),
];
