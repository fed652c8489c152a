//! The end of a block.
use super::block::BlockHandle;
use super::{buddy, frame, PAGE};
use crate::arch::cpu;
use crate::hooks::{self, atomic};
use crate::x86_64::PhysAddr;
use core::sync::atomic::AtomicU64;

/// How many blocks were released, for tests that count what they see of it.
pub static RELEASES: AtomicU64 = AtomicU64::new(0);

/// Runs the hooks in the contract's order with interrupts off and gives the block to the allocator, which recycles or
/// withholds it. The caller has dropped the last reference and holds no lock.
#[inline(never)]
pub fn release_owned_block(block: BlockHandle) {
    let interrupts = cpu::interrupts_enabled();
    cpu::disable_interrupts();
    atomic::add(&raw const RELEASES, 1);
    if let Some(hook) = frame::vtable_of(frame::at(block.base.0)).on_last_ref {
        hook(block.base);
    }
    for page in 0..1u64 << block.order {
        let address = block.base.0 + page * PAGE;
        if let Some(hook) = frame::vtable_of(frame::at(address)).on_unmap {
            hook(PhysAddr(address));
        }
    }
    buddy::free(block.base.0, block.order);
    if interrupts {
        cpu::enable_interrupts();
    }
}

/// What `release_owned_block_wrongly` does differently.
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    /// on_last_ref twice.
    LastRefTwice,
    /// on_unmap of the first page twice.
    UnmapTwice,
    /// on_last_ref not at all.
    NoLastRef,
    /// on_unmap of all pages but the last one.
    NoUnmap,
    /// on_unmap first.
    UnmapFirst,
    /// The free first.
    FreeFirst,
    /// Interrupts on while the hooks run.
    Interrupts,
    /// The zones' lock held at on_last_ref.
    ZoneLock,
    /// No fault: the pages from the last one down.
    Downwards,
    /// No fault: the zones' lock held at on_unmap.
    ZoneLockAtUnmap,
    /// No fault: another lock held at on_last_ref.
    OtherLock,
}

/// A release with a fault, or with what only looks like one.
#[inline(never)]
pub fn release_owned_block_wrongly(block: BlockHandle, fault: Fault) {
    let interrupts = cpu::interrupts_enabled();
    if fault == Fault::Interrupts {
        cpu::enable_interrupts();
    } else {
        cpu::disable_interrupts();
    }
    atomic::add(&raw const RELEASES, 1);
    let vtables = VtablesOf::new(block);
    if fault == Fault::FreeFirst {
        buddy::free(block.base.0, block.order);
    }
    if fault == Fault::UnmapFirst {
        vtables.unmap(block, fault);
    }
    if fault != Fault::NoLastRef {
        vtables.last_ref(block, fault);
    }
    if fault == Fault::LastRefTwice {
        vtables.last_ref(block, fault);
    }
    if fault != Fault::UnmapFirst {
        vtables.unmap(block, fault);
    }
    cpu::disable_interrupts();
    if fault != Fault::FreeFirst {
        buddy::free(block.base.0, block.order);
    }
    if interrupts {
        cpu::enable_interrupts();
    }
}

/// The hooks of a block as they were when its release began: the free resets the slots.
struct VtablesOf {
    last_ref: Option<fn(PhysAddr)>,
    unmap: Option<fn(PhysAddr)>,
}

impl VtablesOf {
    fn new(block: BlockHandle) -> VtablesOf {
        let vtable = frame::vtable_of(frame::at(block.base.0));
        VtablesOf { last_ref: vtable.on_last_ref, unmap: vtable.on_unmap }
    }

    fn last_ref(&self, block: BlockHandle, fault: Fault) {
        let Some(hook) = self.last_ref else { return };
        match fault {
            Fault::ZoneLock => {
                let guard = buddy::BUDDY_ALLOCATOR.lock();
                hook(block.base);
                drop(guard);
            }
            Fault::OtherLock => {
                let guard = hooks::HOOK_LOCK.lock();
                hook(block.base);
                drop(guard);
            }
            _ => hook(block.base),
        }
    }

    fn unmap(&self, block: BlockHandle, fault: Fault) {
        let Some(hook) = self.unmap else { return };
        let pages = 1u64 << block.order;
        let guard = if fault == Fault::ZoneLockAtUnmap { Some(buddy::BUDDY_ALLOCATOR.lock()) } else { None };
        for number in 0..if fault == Fault::NoUnmap { pages - 1 } else { pages } {
            let page = if fault == Fault::Downwards { pages - 1 - number } else { number };
            hook(PhysAddr(block.base.0 + page * PAGE));
            if fault == Fault::UnmapTwice && number == 0 {
                hook(PhysAddr(block.base.0 + page * PAGE));
            }
        }
        drop(guard);
    }
}
