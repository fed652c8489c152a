//! The end of a block.
use super::block::BlockHandle;
use super::{buddy, frame, PAGE};
use crate::arch::cpu;
use crate::x86_64::PhysAddr;

/// Runs the hooks in the contract's order with interrupts off and gives the block to the allocator, which recycles or
/// withholds it. The caller has dropped the last reference and holds no lock.
#[inline(never)]
pub fn release_owned_block(block: BlockHandle) {
    let interrupts = cpu::interrupts_enabled();
    cpu::disable_interrupts();
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
