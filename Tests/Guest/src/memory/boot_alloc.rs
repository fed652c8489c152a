//! Hands out memory before there are frames.
use super::PAGE;
use crate::pvh::{RamMap, LIMIT, RAM};

const MAX_RANGES: usize = 64;

pub struct BootAllocator {
    ranges: [(u64, u64); MAX_RANGES],
    count: usize,
}

extern "C" {
    static __data_end: u8;
}

impl BootAllocator {
    /// Everything usable except the first 64 KiB and the kernel itself.
    pub fn new(map: &RamMap) -> BootAllocator {
        let mut allocator = BootAllocator { ranges: [(0, 0); MAX_RANGES], count: 0 };
        for region in map.all().iter().filter(|region| region.kind == RAM) {
            let start = (region.start + PAGE - 1) / PAGE * PAGE;
            let end = region.end.min(LIMIT) / PAGE * PAGE;
            if start < end {
                allocator.insert(start, end);
            }
        }
        let kernel_end = &raw const __data_end as u64 - super::paging::KERNEL_OFFSET;
        allocator.exclude(0, 0x1_0000);
        allocator.exclude(0x20_0000, (kernel_end + PAGE - 1) / PAGE * PAGE);
        allocator
    }

    /// What is left, ascending.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges[..self.count]
    }

    pub fn end(&self) -> u64 {
        self.ranges().last().map_or(0, |range| range.1)
    }

    fn insert(&mut self, start: u64, end: u64) {
        assert!(self.count < MAX_RANGES, "too many RAM ranges");
        let mut at = self.count;
        while at > 0 && self.ranges[at - 1].0 > start {
            self.ranges[at] = self.ranges[at - 1];
            at -= 1;
        }
        self.ranges[at] = (start, end);
        self.count += 1;
    }

    fn exclude(&mut self, start: u64, end: u64) {
        let mut at = 0;
        while at < self.count {
            let (from, to) = self.ranges[at];
            if start >= to || end <= from {
                at += 1;
                continue;
            }
            for next in at + 1..self.count {
                self.ranges[next - 1] = self.ranges[next];
            }
            self.count -= 1;
            if from < start {
                self.insert(from, start);
            }
            if end < to {
                self.insert(end, to);
            }
            at = 0;
        }
    }

    /// The lowest place at or above 1 MiB with so many bytes, not cleared.
    pub fn lowest(&mut self, size: u64) -> u64 {
        let size = (size + PAGE - 1) / PAGE * PAGE;
        for at in 0..self.count {
            let (from, to) = self.ranges[at];
            if from >= 0x10_0000 && to - from >= size {
                self.exclude(from, from + size);
                return from;
            }
        }
        panic!("no room for {} bytes at boot", size)
    }

    /// The highest page there is, cleared; reached through the direct map.
    pub fn highest_page(&mut self) -> u64 {
        let page = self.end() - PAGE;
        self.exclude(page, page + PAGE);
        unsafe { core::ptr::write_bytes(super::direct(page) as *mut u8, 0, PAGE as usize) };
        page
    }
}
