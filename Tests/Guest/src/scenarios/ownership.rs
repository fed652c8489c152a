//! References that do not add up, blocks that nobody knows, and mappings that should not be.
use super::planter::{EntryField::*, Planter};
use super::{misuse, near, Scenario};
use crate::fixtures::{Fixture, Kind, SPARE};
use crate::memory::frame::{self, flags, UNUSED};
use crate::memory::paging::{NO_EXECUTE, PRESENT, USER, WRITE};
use crate::memory::PAGE;
use core::sync::atomic::Ordering::*;

const DATA: u64 = PRESENT | USER | WRITE | NO_EXECUTE;

/// Virtual address of a page in the fixture's window that nothing uses.
fn spare(fixture: &Fixture, page: u64) -> u64 {
    fixture.window + (8 + page) * PAGE
}

/// Takes every trace of the fixture's mappings away, as dropping its capability does.
fn unmap(p: &mut Planter) -> Result<(), &'static str> {
    p.unmap_fixture(1)?;
    p.forget_mappings(p.fixture.cap)
}

/// Makes a raw block look claimed by a user.
fn claim(p: &mut Planter, refcount: u32) {
    let generation = frame::at(p.fixture.base).generation.load(Acquire).wrapping_add(1);
    p.generation(p.fixture.base, generation);
    p.refcount(p.fixture.base, refcount);
    p.flags(p.fixture.base, |old| old | flags::USER);
}

fn orphan(p: &mut Planter) -> Result<(), &'static str> {
    p.concerns(p.fixture.base);
    unmap(p)?;
    p.entry(&[(CapsLength, 0), (TransientRefs, 1), (Refcount, 1)], Some(1))
}

fn pin(p: &mut Planter) -> Result<(), &'static str> {
    p.concerns(p.fixture.base);
    p.entry(&[(TransientRefs, 1), (Refcount, 2)], Some(2))
}

pub static ALL: [Scenario; 31] = [
    misuse("pin-orphaned", "pin-orphaned", orphan),
    misuse("pin-orphaned-twice", "pin-orphaned", |p| {
        p.concerns(p.fixture.base);
        unmap(p)?;
        p.entry(&[(CapsLength, 0), (TransientRefs, 2), (Refcount, 2)], Some(2))
    }),
    // Young: what an audit must not call leaked before it has seen it grow old.
    near("near-pin-orphaned", "pin-orphaned", orphan),
    misuse("pin-stale", "pin-stale", pin),
    misuse("pin-stale-shared", "pin-stale", |p| {
        p.concerns(p.fixture.base);
        p.entry(&[(TransientRefs, 1), (Refcount, 3)], Some(3))
    })
    .on(Kind::Shared),
    near("near-pin-stale", "pin-stale", pin),
    misuse("reference-mismatch", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        Ok(p.refcount(p.fixture.base, 6))
    }),
    misuse("reference-mismatch-unused", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        Ok(p.refcount(p.fixture.base, UNUSED))
    })
    .also(&["mapping-exceeds-references"]),
    misuse("reference-mismatch-zero", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        Ok(p.refcount(p.fixture.base, 0))
    })
    .also(&["mapping-exceeds-references"]),
    misuse("reference-mismatch-entry", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        p.entry(&[(Refcount, 2)], Some(2))
    }),
    misuse("reference-mismatch-entry-only", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        p.entry(&[(Refcount, 5)], None)
    }),
    misuse("reference-mismatch-caps", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        p.entry(&[(CapsLength, 1)], None)
    })
    .on(Kind::Shared),
    misuse("reference-mismatch-transient", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        p.entry(&[(TransientRefs, 1)], None)
    })
    .also(&["pin-stale"]),
    // Two capabilities on a block that is copied when written: two references.
    near("near-reference-mismatch", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        Ok(p.flags(p.fixture.base, |old| old | flags::COW))
    })
    .on(Kind::Shared),
    near("near-reference-mismatch-spilled", "reference-mismatch", |p| {
        p.concerns(p.fixture.base);
        Ok(p.meta_aux(p.fixture.base, 3))
    })
    .on(Kind::Spilled),
    near("near-reference-mismatch-tail", "reference-mismatch", |p| {
        p.concerns(p.page(1));
        Ok(p.refcount(p.page(1), 7))
    }),
    misuse("reference-unowned", "reference-unowned", |p| {
        p.concerns(p.fixture.base);
        Ok(claim(p, 1))
    })
    .on(Kind::Raw),
    misuse("reference-unowned-many", "reference-unowned", |p| {
        p.concerns(p.fixture.base);
        Ok(claim(p, 3))
    })
    .on(Kind::Raw),
    near("near-reference-unowned", "reference-unowned", |p| {
        p.concerns(p.fixture.base);
        Ok(p.meta_aux(p.fixture.base, 1))
    })
    .on(Kind::Kernel),
    near("near-reference-unowned-unused", "reference-unowned", |p| {
        p.concerns(p.fixture.base);
        Ok(p.flags(p.fixture.base, |old| old | flags::USER))
    })
    .on(Kind::Raw),
    near("near-reference-unowned-mapped", "reference-unowned", |p| {
        p.concerns(p.fixture.base);
        claim(p, 1);
        p.page_table(1, spare(&p.fixture, 0), 0, p.fixture.base | DATA)
    })
    .on(Kind::Raw),
    misuse("capability-unmapped", "capability-unmapped", |p| {
        p.concerns(p.fixture.base);
        unmap(p)
    }),
    near("near-capability-unmapped", "capability-unmapped", |p| {
        // Unmapped in one space, mapped for another capability.
        p.concerns(p.fixture.base);
        p.unmap_fixture(2)?;
        p.forget_mappings(p.fixture.second)
    })
    .on(Kind::Shared),
    near("near-capability-unmapped-index", "capability-unmapped", |p| {
        // Not in the tables (yet), but in the index.
        p.concerns(p.fixture.base);
        p.unmap_fixture(1)
    }),
    near("near-capability-unmapped-tables", "capability-unmapped", |p| {
        // Not in the index, but in the tables.
        p.concerns(p.fixture.base);
        p.forget_mappings(p.fixture.cap)
    }),
    misuse("mapping-of-free-frame", "mapping-of-free-frame", |p| {
        let (block, _) = p.free_block(0)?;
        p.concerns(block);
        p.meta_aux(block, 0);
        p.page_table(1, spare(&p.fixture, 0), 0, block | DATA)
    })
    .also(&["mapping-exceeds-references"])
    .frozen(),
    misuse("mapping-of-free-frame-cached", "mapping-of-free-frame", |p| {
        let frame = p.cached_frame()?;
        p.concerns(frame);
        p.meta_aux(frame, 0);
        p.page_table(1, spare(&p.fixture, 0), 0, frame | DATA)
    })
    .also(&["mapping-exceeds-references"])
    .frozen(),
    near("near-mapping-of-free-frame", "mapping-of-free-frame", |p| {
        // An entry that is not present says nothing about the frame in it.
        let (block, _) = p.free_block(0)?;
        p.concerns(block);
        p.meta_aux(block, 0);
        p.page_table(1, spare(&p.fixture, 0), 0, (block | DATA) & !PRESENT)
    })
    .frozen(),
    misuse("mapping-exceeds-references", "mapping-exceeds-references", |p| {
        p.concerns(p.fixture.base);
        p.page_table(1, spare(&p.fixture, 0), 0, p.fixture.base | DATA)
    }),
    misuse("mapping-exceeds-references-other-space", "mapping-exceeds-references", |p| {
        // The last page: the references are its head's.
        let page = p.page((1 << p.fixture.order) - 1);
        p.concerns(page);
        p.page_table(2, SPARE + p.fixture.number * PAGE, 0, page | DATA)
    }),
    // Two spaces map it, each with a capability of its own.
    near("near-mapping-exceeds-references", "mapping-exceeds-references", |p| {
        p.concerns(p.fixture.base);
        Ok(p.flags(p.fixture.base, |old| old | flags::ANONYMOUS))
    })
    .on(Kind::Shared),
];
