//! Zones and their segments.
use super::boot_alloc::BootAllocator;
use super::buddy::{BuddyAllocator, Migratetype, BUDDY_ALLOCATOR, MAX_ORDER};
use super::{frame, PAGE};
use crate::x86_64::PhysAddr;
use core::sync::atomic::Ordering;

#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ZoneType {
    DMA = 0,
    Normal = 1,
    HighMem = 2,
}

/// A run of frames without holes; its blocks never merge with another segment's.
pub struct ZoneSegment {
    pub base: PhysAddr,
    pub page_count: usize,
    /// Physical address of each list's first block; 0 where the list is empty.
    pub free_lists: [[u64; MAX_ORDER + 1]; Migratetype::COUNT],
    pub free_blocks: [[usize; MAX_ORDER + 1]; Migratetype::COUNT],
}

pub struct Zone {
    pub zone_type: ZoneType,
    pub base: PhysAddr,
    pub page_count: usize,
    pub present_pages: usize,
    pub span_pages: usize,
    /// Pages on no free list: handed out, in a per-CPU cache, or in quarantine.
    pub allocated: usize,
    pub reserved_pages: usize,
    pub segment_count: usize,
    pub segment_capacity: usize,
    pub segments: *mut ZoneSegment,
}

unsafe impl Send for Zone {}

const BORDERS: [(ZoneType, u64, u64); 3] = [
    (ZoneType::DMA, 0, 16 << 20),
    (ZoneType::Normal, 16 << 20, 896 << 20),
    (ZoneType::HighMem, 896 << 20, u64::MAX),
];
const SEGMENT_CAPACITY: usize = PAGE as usize / core::mem::size_of::<ZoneSegment>();

impl Zone {
    pub fn segments(&self) -> &[ZoneSegment] {
        unsafe { core::slice::from_raw_parts(self.segments, self.segment_count) }
    }

    pub fn segments_mut(&mut self) -> &mut [ZoneSegment] {
        unsafe { core::slice::from_raw_parts_mut(self.segments, self.segment_count) }
    }

    fn new(zone_type: ZoneType, segments: u64) -> Zone {
        Zone {
            zone_type,
            base: PhysAddr(0),
            page_count: 0,
            present_pages: 0,
            span_pages: 0,
            allocated: 0,
            reserved_pages: 0,
            segment_count: 0,
            segment_capacity: SEGMENT_CAPACITY,
            segments: super::direct(segments) as *mut ZoneSegment,
        }
    }

    fn add(&mut self, start: u64, end: u64) {
        assert!(self.segment_count < self.segment_capacity, "too many segments");
        let pages = ((end - start) / PAGE) as usize;
        if self.segment_count == 0 {
            self.base = PhysAddr(start);
        }
        self.page_count += pages;
        self.present_pages += pages;
        self.span_pages = ((end - self.base.0) / PAGE) as usize;
        self.reserved_pages = self.span_pages - self.present_pages;
        let segment = ZoneSegment {
            base: PhysAddr(start),
            page_count: pages,
            free_lists: [[0; MAX_ORDER + 1]; Migratetype::COUNT],
            free_blocks: [[0; MAX_ORDER + 1]; Migratetype::COUNT],
        };
        unsafe { self.segments.add(self.segment_count).write(segment) };
        self.segment_count += 1;
    }
}

/// Sets up the frame table over everything up to the last free range, then the zones.
pub fn init(boot: &mut BootAllocator) {
    let arrays = [boot.highest_page(), boot.highest_page(), boot.highest_page()];
    let count = boot.end() / PAGE;
    let table = boot.lowest(count * 64);
    frame::METADATA_FRAME_COUNT.store(count, Ordering::Release);
    frame::METADATA_BASE_VIRT.store(super::direct(table), Ordering::Release);

    let mut buddy = BuddyAllocator {
        zones: [
            Zone::new(ZoneType::DMA, arrays[0]),
            Zone::new(ZoneType::Normal, arrays[1]),
            Zone::new(ZoneType::HighMem, arrays[2]),
        ],
        total_pages: 0,
    };
    let mut done = 0;
    for range in boot.ranges() {
        let end = (range.1 / PAGE).min(count);
        frame::fill(done, range.0 / PAGE - done, 0, 0, 0);
        done = end;
        for (index, (_, low, high)) in BORDERS.iter().enumerate() {
            let (start, end) = (range.0.max(*low), range.1.min(*high));
            if start < end {
                buddy.zones[index].add(start, end);
            }
        }
    }
    for zone in 0..3 {
        for segment in 0..buddy.zones[zone].segment_count {
            buddy.seed(zone, segment);
        }
    }
    *BUDDY_ALLOCATOR.lock() = Some(buddy);
}
