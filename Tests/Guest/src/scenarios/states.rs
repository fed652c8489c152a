//! Flags, sentinels and poison that contradict each other.
use super::planter::Planter;
use super::{misuse, near, Scenario};
use crate::fixtures::Kind;
use crate::memory::buddy::POISON_QUARANTINE_PAGES;
use crate::memory::frame::{self, flags, guard};
use crate::memory::PAGE;
use core::sync::atomic::Ordering::*;

fn poison_fixture(p: &mut Planter) {
    p.concerns(p.fixture.base);
    poison_pages(p);
}

fn poison_pages(p: &mut Planter) {
    for page in 0..1u64 << p.fixture.order {
        p.poison(p.page(page));
    }
}

fn poison_block(p: &mut Planter, block: u64, order: usize) {
    p.concerns(block);
    for page in 0..1u64 << order {
        p.poison(block + page * PAGE);
    }
}

pub static ALL: [Scenario; 22] = [
    misuse("poison-half-set", "poison-half-set", |p| {
        p.concerns(p.fixture.base);
        Ok(p.flags(p.fixture.base, |old| old | flags::POISONED))
    }),
    misuse("poison-half-set-guard", "poison-half-set", |p| {
        p.concerns(p.fixture.base);
        Ok(p.guard(p.fixture.base, |old| old | guard::POISONED))
    }),
    misuse("poison-half-set-tail", "poison-half-set", |p| {
        p.concerns(p.page(3));
        Ok(p.flags(p.page(3), |old| old | flags::POISONED))
    })
    .on(Kind::Raw),
    near("near-poison-half-set", "poison-half-set", |p| Ok(poison_fixture(p))),
    near("near-poison-half-set-kernel-only", "poison-half-set", |p| {
        p.concerns(p.fixture.base);
        Ok(p.guard(p.fixture.base, |old| old | guard::KERNEL_ONLY))
    })
    .on(Kind::Kernel),
    misuse("poison-recycled", "poison-recycled", |p| {
        let (block, order) = p.free_block(0)?;
        if order > 6 {
            return Err("no small free block");
        }
        Ok(poison_block(p, block, order))
    })
    .frozen(),
    misuse("poison-recycled-tail", "poison-recycled", |p| {
        let (block, order) = p.free_block(1)?;
        let last = block + (PAGE << order) - PAGE;
        p.concerns(last);
        Ok(p.poison(last))
    })
    .frozen(),
    misuse("poison-recycled-cached", "poison-recycled", |p| {
        let frame = p.cached_frame()?;
        Ok(poison_block(p, frame, 0))
    })
    .frozen(),
    // Live, and withheld only once it is freed.
    near("near-poison-recycled", "poison-recycled", |p| Ok(poison_fixture(p))).on(Kind::Kernel),
    misuse("quarantine-count-mismatch", "quarantine-count-mismatch", |p| {
        Ok(p.quarantined(frame::count() as usize + 1))
    }),
    misuse("quarantine-count-mismatch-low", "quarantine-count-mismatch", |p| {
        // Withheld pages that nothing counts. The finding is about the count and names no frame.
        poison_pages(p);
        p.refcount(p.fixture.base, 0);
        p.flags(p.fixture.base, |old| old | flags::USER);
        let counted = POISON_QUARANTINE_PAGES.load(Acquire);
        Ok(p.quarantined(counted.wrapping_neg()))
    })
    .on(Kind::Raw)
    .frozen(),
    near("near-quarantine-count-mismatch", "quarantine-count-mismatch", |p| {
        // Freed while poisoned: it looks live, and is counted.
        poison_fixture(p);
        Ok(p.quarantined(1 << p.fixture.order))
    })
    .on(Kind::Kernel),
    near("near-quarantine-count-mismatch-zero", "quarantine-count-mismatch", |p| {
        poison_fixture(p);
        p.refcount(p.fixture.base, 0);
        p.flags(p.fixture.base, |old| old | flags::USER);
        Ok(p.quarantined(1 << p.fixture.order))
    })
    .on(Kind::Raw),
    misuse("flags-contradict", "flags-contradict", |p| {
        p.concerns(p.fixture.base);
        Ok(p.flags(p.fixture.base, |old| old | flags::FREE))
    })
    .on(Kind::Raw)
    .also(&["free-unlisted"]),
    misuse("flags-contradict-mapped", "flags-contradict", |p| {
        p.concerns(p.fixture.base);
        Ok(p.flags(p.fixture.base, |old| old | flags::FREE))
    })
    .also(&["free-unlisted", "sentinel-broken", "mapping-of-free-frame"]),
    misuse("flags-contradict-listed", "flags-contradict", |p| {
        let (block, _) = p.free_block(0)?;
        p.concerns(block);
        Ok(p.flags(block, |old| old | flags::ALLOCATED))
    })
    .also(&["freelist-wrong-state"])
    .frozen(),
    near("near-flags-contradict", "flags-contradict", |p| {
        p.concerns(p.fixture.base);
        Ok(p.flags(p.fixture.base, |old| old | flags::COW | flags::ANONYMOUS | flags::DLL))
    }),
    near("near-flags-contradict-aux", "flags-contradict", |p| {
        p.concerns(p.fixture.base);
        Ok(p.meta_aux(p.fixture.base, 0x1_0007))
    })
    .on(Kind::KernelOwned),
    misuse("sentinel-broken-tail", "sentinel-broken", |p| {
        let (block, _) = p.free_block(1)?;
        p.concerns(block + PAGE);
        Ok(p.refcount(block + PAGE, 2))
    })
    .frozen(),
    misuse("sentinel-broken-cached", "sentinel-broken", |p| {
        let frame = p.cached_frame()?;
        p.concerns(frame);
        Ok(p.refcount(frame, 1))
    })
    .frozen(),
    near("near-sentinel-broken", "sentinel-broken", |p| {
        // Allocated without a claim: the sentinel stays.
        p.concerns(p.fixture.base);
        Ok(p.meta_aux(p.fixture.base, 1))
    })
    .on(Kind::Raw),
    near("near-sentinel-broken-claimed", "sentinel-broken", |p| {
        p.concerns(p.fixture.base);
        Ok(p.refcount(p.fixture.base, 2))
    })
    .on(Kind::Kernel),
];
