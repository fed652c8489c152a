//! Hooks whose code breaks the contract, and hooks that only look so.
use super::planter::Planter;
use super::{misuse, near, Plant, Scenario};
use crate::hooks;
use crate::memory::frame::FrameMetaVtable;

/// Installs a vtable: on the head, or on every page where it carries on_unmap.
fn install(p: &mut Planter, vtable: *const FrameMetaVtable) -> Result<(), &'static str> {
    p.install(vtable);
    if unsafe { *(vtable as *const u64).add(1) } != 0 {
        for page in 1..1u64 << p.fixture.order {
            p.vtable(p.page(page), vtable as u64);
        }
    }
    Ok(())
}

macro_rules! vtable {
    ($name:ident) => {
        (|p| install(p, (&raw const hooks::$name) as *const FrameMetaVtable)) as Plant
    };
}

/// What the kernel's own lock and allocators do besides.
const LOCKING: &[&str] = &["hook-locks", "hook-blocks", "hook-enables-irqs", "hook-panics"];

pub static ALL: [Scenario; 26] = [
    misuse("hook-not-executable", "hook-not-executable", vtable!(CONSTANT_HOOK_VTABLE)).also(&["hook-not-function"]),
    misuse("hook-not-executable-user-half", "hook-not-executable", vtable!(USER_HOOK_VTABLE))
        .also(&["hook-not-function"]),
    misuse("hook-not-executable-data", "hook-not-executable", vtable!(DATA_HOOK_VTABLE)).also(&["hook-not-function"]),
    near("near-hook-not-executable", "hook-not-executable", vtable!(ASSEMBLY_VTABLE)),
    misuse("hook-not-function", "hook-not-function", vtable!(INNER_HOOK_VTABLE)).also(&["hook-unproven"]),
    misuse("hook-not-function-unmap", "hook-not-function", vtable!(INNER_UNMAP_VTABLE)).also(&["hook-unproven"]),
    near("near-hook-not-function", "hook-not-function", vtable!(ASSEMBLY_VTABLE)),
    misuse("hook-allocates", "hook-allocates", vtable!(HEAP_HOOK_VTABLE)).also(LOCKING),
    misuse("hook-allocates-frame", "hook-allocates", vtable!(FRAME_HOOK_VTABLE)).also(LOCKING),
    near("near-hook-allocates", "hook-allocates", vtable!(TALLY_VTABLE)),
    misuse("hook-locks", "hook-locks", vtable!(LOCK_VTABLE)).also(&["hook-blocks", "hook-enables-irqs", "hook-panics"]),
    misuse("hook-locks-exchange", "hook-locks", vtable!(EXCHANGE_LOCK_VTABLE)).also(&["hook-blocks"]),
    near("near-hook-locks", "hook-locks", vtable!(RETRY_VTABLE)),
    near("near-hook-locks-name", "hook-locks", vtable!(CLOCK_VTABLE)),
    misuse("hook-panics", "hook-panics", vtable!(INDEX_VTABLE)),
    misuse("hook-panics-unwrap", "hook-panics", vtable!(UNWRAP_VTABLE)),
    misuse("hook-panics-deep", "hook-panics", vtable!(DEEP_VTABLE)),
    near("near-hook-panics", "hook-panics", vtable!(MASKED_VTABLE)),
    misuse("hook-enables-irqs", "hook-enables-irqs", vtable!(STI_VTABLE)),
    misuse("hook-enables-irqs-popf", "hook-enables-irqs", vtable!(POPF_VTABLE)),
    near("near-hook-enables-irqs", "hook-enables-irqs", vtable!(FLAGS_VTABLE)),
    misuse("hook-blocks", "hook-blocks", vtable!(HLT_VTABLE)),
    misuse("hook-blocks-spin", "hook-blocks", vtable!(WAIT_VTABLE)),
    near("near-hook-blocks", "hook-blocks", vtable!(BOUNDED_VTABLE)),
    misuse("hook-unproven", "hook-unproven", vtable!(UNPROVEN_VTABLE)),
    near("near-hook-unproven", "hook-unproven", vtable!(ASSEMBLY_VTABLE)),
];
