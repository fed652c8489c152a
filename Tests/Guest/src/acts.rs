//! Misuses that happen once on command, in the kernel's own code, and near misses: for traces of the running kernel.
//! A new one is a line in `ALL`.
use crate::fixtures::owned_block;
use crate::hooks;
use crate::json::Out;
use crate::memory::block::BlockHandle;
use crate::memory::buddy::{self, Migratetype};
use crate::memory::frame::{self, flags, FrameMetaVtable};
use crate::memory::release::{release_owned_block, release_owned_block_wrongly, Fault};
use crate::memory::{OWNERSHIP_TABLE, PAGE};
use crate::capability::CapId;
use crate::x86_64::PhysAddr;

type Answer = Result<u64, &'static str>;

struct Act {
    name: &'static str,
    /// The identifier of the finding it is about.
    about: &'static str,
    /// Whether that finding must be reported, or must not.
    is_misuse: bool,
    /// Findings that are just as true of it, separated by spaces.
    also: &'static str,
    /// Does it; the number of the frame concerned.
    perform: fn() -> Answer,
}

const fn misuse(name: &'static str, about: &'static str, also: &'static str, perform: fn() -> Answer) -> Act {
    Act { name, about, is_misuse: true, also, perform }
}

const fn near(name: &'static str, about: &'static str, perform: fn() -> Answer) -> Act {
    Act { name, about, is_misuse: false, also: "", perform }
}

/// What the kernel's own lock and allocators do besides.
const INNER: &str = "hook-allocates hook-locks hook-blocks hook-enables-irqs";

static ALL: [Act; 27] = [
    misuse("called-twice", "hook-called-twice", "", || wrongly(2, Fault::LastRefTwice)),
    misuse("called-twice-page", "hook-called-twice", "", || wrongly(2, Fault::UnmapTwice)),
    misuse("not-called", "hook-not-called", "", || wrongly(2, Fault::NoLastRef)),
    misuse("not-called-page", "hook-not-called", "", || wrongly(2, Fault::NoUnmap)),
    misuse("not-called-free", "hook-not-called", "", || {
        let (block, cap) = hooked(1)?;
        OWNERSHIP_TABLE.get().drop_cap(block, cap);
        buddy::free(block.base.0, block.order);
        Ok(block.base.0 / PAGE)
    }),
    misuse("wrong-order", "hook-wrong-order", "", || wrongly(2, Fault::UnmapFirst)),
    misuse("wrong-order-free", "hook-wrong-order", "hook-not-called", || wrongly(1, Fault::FreeFirst)),
    misuse("irqs-enabled", "hook-irqs-enabled", "", || wrongly(1, Fault::Interrupts)),
    misuse("lock-held", "hook-lock-held", "", || wrongly(1, Fault::ZoneLock)),
    misuse("reentered", "hook-reentered", INNER, || {
        let (inner, inner_cap) = with_head(0, &raw const hooks::REENTER_VTABLE)?;
        let (outer, cap) = with_head(0, &raw const hooks::REENTER_VTABLE)?;
        OWNERSHIP_TABLE.get().drop_cap(inner, inner_cap);
        hooks::release_inside(inner.base.0);
        end(outer, cap);
        Ok(inner.base.0 / PAGE)
    }),
    misuse("allocates", "hook-allocates", INNER, || single(&raw const hooks::HEAP_HOOK_VTABLE)),
    misuse("allocates-frame", "hook-allocates", INNER, || single(&raw const hooks::FRAME_HOOK_VTABLE)),
    misuse("locks", "hook-locks", INNER, || single(&raw const hooks::LOCK_VTABLE)),
    misuse("enables-irqs", "hook-enables-irqs", "", || single(&raw const hooks::STI_VTABLE)),
    // The kernel does not survive this one.
    misuse("panics", "hook-panics", "", || single(&raw const hooks::UNWRAP_VTABLE)),
    near("near-called-twice", "hook-called-twice", || {
        // The same frames again, claimed anew.
        let frame = single(&raw const hooks::COUNT_VTABLE)?;
        for _ in 0..8 {
            single(&raw const hooks::COUNT_VTABLE)?;
        }
        Ok(frame)
    }),
    near("near-not-called", "hook-not-called", || {
        let (block, cap) = hooked(2)?;
        OWNERSHIP_TABLE.get().pin(block);
        // The pin keeps it: nothing is released yet.
        OWNERSHIP_TABLE.get().drop_cap(block, cap);
        if OWNERSHIP_TABLE.get().unpin(block) {
            release_owned_block(block);
        }
        Ok(block.base.0 / PAGE)
    }),
    near("near-not-called-poisoned", "hook-not-called", || {
        let (block, cap) = hooked(1)?;
        frame::poison(block.base.0, block.order);
        end(block, cap);
        Ok(block.base.0 / PAGE)
    }),
    near("near-not-called-raw", "hook-not-called", || {
        let base = buddy::alloc(1, Migratetype::Unmovable).ok_or("no memory")?;
        buddy::free(base, 1);
        Ok(base / PAGE)
    }),
    near("near-wrong-order", "hook-wrong-order", || wrongly(2, Fault::Downwards)),
    near("near-irqs-enabled", "hook-irqs-enabled", || {
        crate::arch::cpu::enable_interrupts();
        let frame = hooked(1).map(|(block, cap)| {
            end(block, cap);
            block.base.0 / PAGE
        });
        crate::arch::cpu::disable_interrupts();
        frame
    }),
    near("near-lock-held", "hook-lock-held", || wrongly(2, Fault::ZoneLockAtUnmap)),
    near("near-lock-held-other", "hook-lock-held", || wrongly(1, Fault::OtherLock)),
    near("near-reentered", "hook-reentered", || single((&raw const hooks::ASSEMBLY_VTABLE).cast())),
    near("near-allocates", "hook-allocates", || single(&raw const hooks::TALLY_VTABLE)),
    near("near-locks", "hook-locks", || single(&raw const hooks::RETRY_VTABLE)),
    near("near-enables-irqs", "hook-enables-irqs", || single(&raw const hooks::FLAGS_VTABLE)),
];

/// A block of a user with hooks on every page.
fn hooked(order: u8) -> Result<(BlockHandle, CapId), &'static str> {
    let (block, cap) = with_head(order, &raw const hooks::DMA_VTABLE)?;
    for page in 1..1u64 << order {
        frame::at(block.base.0 + page * PAGE)
            .vtable
            .store(&raw const hooks::SCRUB_VTABLE as u64, core::sync::atomic::Ordering::Release);
    }
    Ok((block, cap))
}

/// A block of a user with a vtable on its head.
fn with_head(order: u8, vtable: *const FrameMetaVtable) -> Result<(BlockHandle, CapId), &'static str> {
    let (base, cap) = owned_block(order, flags::USER, Migratetype::Movable).ok_or("no memory")?;
    frame::at(base).vtable.store(vtable as u64, core::sync::atomic::Ordering::Release);
    Ok((BlockHandle { base: PhysAddr(base), order }, cap))
}

/// Drops the only capability, and releases the block.
fn end(block: BlockHandle, cap: CapId) {
    if OWNERSHIP_TABLE.get().drop_cap(block, cap) {
        release_owned_block(block);
    }
}

fn wrongly(order: u8, fault: Fault) -> Answer {
    let (block, cap) = hooked(order)?;
    OWNERSHIP_TABLE.get().drop_cap(block, cap);
    release_owned_block_wrongly(block, fault);
    Ok(block.base.0 / PAGE)
}

fn single(vtable: *const FrameMetaVtable) -> Answer {
    let (block, cap) = with_head(0, vtable)?;
    end(block, cap);
    Ok(block.base.0 / PAGE)
}

/// Performs an act; the number of the frame concerned.
pub fn perform(name: &str) -> Answer {
    let act = ALL.iter().find(|act| act.name == name).ok_or("no such act")?;
    (act.perform)()
}

/// Releases so many blocks of this order with hooks on every page, one after the other.
pub fn release(count: u64, order: u8) -> Result<(), &'static str> {
    for _ in 0..count {
        let (block, cap) = hooked(order)?;
        end(block, cap);
    }
    Ok(())
}

/// Pins a block and lets it go so many times; how many pins it left when told to leave every so-manieth.
pub fn pin(count: u64, leave: u64) -> Result<u64, &'static str> {
    let (block, _) = with_head(0, &raw const hooks::COUNT_VTABLE)?;
    let mut left = 0;
    for number in 1..=count {
        if leave > 0 && number % leave == 0 {
            pin_and_forget(block);
            left += 1;
        } else {
            pin_for_a_moment(block);
        }
    }
    Ok(left)
}

#[inline(never)]
fn pin_for_a_moment(block: BlockHandle) {
    OWNERSHIP_TABLE.get().pin(block);
    OWNERSHIP_TABLE.get().unpin(block);
}

#[inline(never)]
fn pin_and_forget(block: BlockHandle) {
    OWNERSHIP_TABLE.get().pin(block);
    // Without something to come back for, the call would be a jump, and this function on no stack.
    core::hint::black_box(());
}

pub fn list(out: &mut Out) {
    out.key("acts");
    out.open(b'[');
    for act in ALL.iter() {
        out.element(b'{');
        out.text("name", act.name);
        out.text("about", act.about);
        out.boolean("misuse", act.is_misuse);
        out.text("also", act.also);
        out.close(b'}');
    }
    out.close(b']');
}
