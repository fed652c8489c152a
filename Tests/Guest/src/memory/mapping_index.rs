//! Which capability is mapped where.
use crate::capability::CapId;
use crate::smallvec::SmallVec;
use crate::sync::SpinLock;
use alloc::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MappingRef {
    pub pid: u32,
    pub vaddr: u64,
    pub page_size: u64,
}

pub struct MappingIndex {
    pub index: SpinLock<BTreeMap<CapId, SmallVec<[MappingRef; 4]>>>,
}

impl MappingIndex {
    pub fn new() -> MappingIndex {
        MappingIndex { index: SpinLock::new(BTreeMap::new()) }
    }

    pub fn add(&self, cap: CapId, mapping: MappingRef) {
        self.index.lock().entry(cap).or_insert_with(SmallVec::new).push(mapping);
    }

    pub fn remove(&self, cap: CapId, mapping: MappingRef) {
        let mut index = self.index.lock();
        let mappings = index.get_mut(&cap).expect("capability not mapped");
        let at = mappings.as_slice().iter().position(|known| *known == mapping).expect("mapping unknown");
        mappings.swap_remove(at);
        if mappings.len() == 0 {
            index.remove(&cap);
        }
    }
}
