//! The RAM map that the loader passes (`hvm_start_info`, version 1).

pub const MAX_REGIONS: usize = 64;
pub const RAM: u32 = 1;
/// RAM above this address is left alone: the boot page tables end here.
pub const LIMIT: u64 = 32 << 30;

#[derive(Clone, Copy)]
pub struct Region {
    pub start: u64,
    pub end: u64,
    pub kind: u32,
}

#[derive(Clone, Copy)]
pub struct RamMap {
    pub regions: [Region; MAX_REGIONS],
    pub count: usize,
}

impl RamMap {
    pub const EMPTY: RamMap = RamMap { regions: [Region { start: 0, end: 0, kind: 0 }; MAX_REGIONS], count: 0 };

    /// Copies the map out of low memory (identity-mapped at this point).
    pub fn read(start_info: u64) -> RamMap {
        let word = |offset: u64| unsafe { ((start_info + offset) as *const u32).read_unaligned() };
        let long = |offset: u64| unsafe { ((start_info + offset) as *const u64).read_unaligned() };
        assert!(word(0) == 0x336e_c578, "not started by a PVH loader");
        assert!(word(4) >= 1, "the PVH loader passes no memory map");
        let (table, entries) = (long(40), word(48) as usize);
        let mut map = RamMap::EMPTY;
        for index in 0..entries.min(MAX_REGIONS) {
            let entry = table + index as u64 * 24;
            unsafe {
                let start = (entry as *const u64).read_unaligned();
                let size = ((entry + 8) as *const u64).read_unaligned();
                let kind = ((entry + 16) as *const u32).read_unaligned();
                map.regions[map.count] = Region { start, end: start + size, kind };
                map.count += 1;
            }
        }
        map
    }

    pub fn all(&self) -> &[Region] {
        &self.regions[..self.count]
    }
}
