//! Which capabilities hold which block, mirrored into the head frame's reference count.
use super::block::{BlockHandle, BlockState};
use super::frame;
use crate::capability::CapId;
use crate::hooks::atomic;
use crate::smallvec::SmallVec;
use crate::sync::SpinLock;
use alloc::collections::BTreeMap;
use core::sync::atomic::{AtomicU64, Ordering};

/// How often blocks were pinned and let go, for tests that count what they see of it.
pub static PINS: AtomicU64 = AtomicU64::new(0);
pub static UNPINS: AtomicU64 = AtomicU64::new(0);

/// `refcount` is always the number of capabilities plus `transient_refs`.
pub struct OwnerEntry {
    pub state: BlockState,
    pub refcount: u32,
    pub caps: SmallVec<[CapId; 4]>,
    pub transient_refs: u32,
}

pub struct OwnershipTable {
    pub entries: SpinLock<BTreeMap<BlockHandle, OwnerEntry>>,
}

impl OwnershipTable {
    pub fn new() -> OwnershipTable {
        OwnershipTable { entries: SpinLock::new(BTreeMap::new()) }
    }

    /// Records the first owner of a claimed block.
    #[inline(never)]
    pub fn own(&self, block: BlockHandle, cap: CapId) {
        let mut caps = SmallVec::new();
        caps.push(cap);
        let entry = OwnerEntry { state: BlockState::Exclusive, refcount: 1, caps, transient_refs: 0 };
        let mut entries = self.entries.lock();
        mirror(block, &entry);
        let old = entries.insert(block, entry);
        assert!(old.is_none(), "block owned twice");
    }

    pub fn share(&self, block: BlockHandle, cap: CapId) {
        self.update(block, |entry| entry.caps.push(cap));
    }

    /// Adds a transient reference.
    #[inline(never)]
    pub fn pin(&self, block: BlockHandle) {
        atomic::add(&raw const PINS, 1);
        self.update(block, |entry| entry.transient_refs += 1);
    }

    /// Drops a transient reference; true when it was the last reference of all.
    #[inline(never)]
    pub fn unpin(&self, block: BlockHandle) -> bool {
        atomic::add(&raw const UNPINS, 1);
        self.update(block, |entry| entry.transient_refs -= 1)
    }

    /// Drops a capability; true when it was the last reference of all.
    #[inline(never)]
    pub fn drop_cap(&self, block: BlockHandle, cap: CapId) -> bool {
        self.update(block, |entry| {
            let index = entry.caps.as_slice().iter().position(|held| *held == cap).expect("capability not held");
            entry.caps.swap_remove(index);
        })
    }

    fn update(&self, block: BlockHandle, change: impl FnOnce(&mut OwnerEntry)) -> bool {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(&block).expect("block without an owner");
        change(entry);
        entry.refcount = entry.caps.len() as u32 + entry.transient_refs;
        entry.state = if entry.caps.len() > 1 { BlockState::Shared } else { BlockState::Exclusive };
        mirror(block, entry);
        if entry.refcount > 0 {
            return false;
        }
        entries.remove(&block);
        true
    }
}

fn mirror(block: BlockHandle, entry: &OwnerEntry) {
    frame::at(block.base.0).refcount.store(entry.refcount, Ordering::Release);
}
