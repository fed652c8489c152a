//! Page tables: the kernel's own, and walking and editing any.
use super::boot_alloc::BootAllocator;
use super::{direct, PAGE};
use crate::pvh::{RamMap, LIMIT, RAM};

pub const KERNEL_OFFSET: u64 = 0xffff_ffff_8000_0000;
pub const PRESENT: u64 = 1;
pub const WRITE: u64 = 1 << 1;
pub const USER: u64 = 1 << 2;
pub const UNCACHED: u64 = 3 << 3;
pub const LARGE: u64 = 1 << 7;
pub const NO_EXECUTE: u64 = 1 << 63;
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __data_end: u8;
}

fn entry(table: u64, index: u64) -> *mut u64 {
    (direct(table & ADDRESS) + index * 8) as *mut u64
}

/// Sets the entry for `address` in the tables under `root`; `level` 0, 1, 2 stands for 4 KiB, 2 MiB, 1 GiB.
/// Tables that are missing on the way come from `fresh` (cleared).
pub fn map(root: u64, address: u64, physical: u64, level: u32, bits: u64, fresh: &mut dyn FnMut() -> u64) {
    let mut table = root;
    for depth in (level + 1..4).rev() {
        let slot = entry(table, address >> (12 + 9 * depth) & 511);
        unsafe {
            if *slot & PRESENT == 0 {
                *slot = fresh() | PRESENT | WRITE | (bits & USER);
            }
            assert!(*slot & LARGE == 0 || depth == 3, "a large page is in the way");
            table = *slot;
        }
    }
    let large = if level > 0 { LARGE } else { 0 };
    unsafe { *entry(table, address >> (12 + 9 * level) & 511) = physical | bits | large | PRESENT };
}

/// Clears the entry that maps `address`.
pub fn unmap(root: u64, address: u64) {
    let mut table = root;
    for depth in (0..4).rev() {
        let slot = entry(table, address >> (12 + 9 * depth) & 511);
        let value = unsafe { *slot };
        if value & PRESENT == 0 {
            return;
        }
        if depth == 0 || (value & LARGE != 0 && depth < 3) {
            unsafe { *slot = 0 };
            crate::arch::cpu::flush_page(address);
            return;
        }
        table = value;
    }
}

/// The entry that maps `address` at `level`, where all tables above it exist.
pub fn leaf_entry(root: u64, address: u64, level: u32) -> Option<*mut u64> {
    let mut table = root;
    for depth in (level + 1..4).rev() {
        let value = unsafe { *entry(table, address >> (12 + 9 * depth) & 511) };
        if value & PRESENT == 0 || (value & LARGE != 0 && depth < 3) {
            return None;
        }
        table = value;
    }
    Some(entry(table, address >> (12 + 9 * level) & 511))
}

/// Shows every mapping of the lower half: virtual address, physical address, level.
pub fn for_each_leaf(root: u64, visit: &mut dyn FnMut(u64, u64, u32)) {
    walk(root, 3, 0, visit);
}

fn walk(table: u64, depth: u32, start: u64, visit: &mut dyn FnMut(u64, u64, u32)) {
    for index in 0..if depth == 3 { 256 } else { 512 } {
        let value = unsafe { *entry(table, index) };
        let address = start | index << (12 + 9 * depth);
        if value & PRESENT == 0 {
            continue;
        }
        if depth == 0 || (value & LARGE != 0 && depth < 3) {
            visit(address, value & ADDRESS & !((PAGE << (9 * depth)) - 1), depth);
        } else {
            walk(value, depth - 1, address, visit);
        }
    }
}

pub struct Translation {
    pub physical: u64,
    pub size: u64,
    pub writable: bool,
    pub user: bool,
    pub executable: bool,
}

/// Walks the tables under `root`; permissions are those of all levels together.
pub fn translate(root: u64, address: u64) -> Option<Translation> {
    let (mut table, mut all, mut no_execute) = (root, WRITE | USER, false);
    if ((address << 16) as i64 >> 16) as u64 != address {
        return None;
    }
    for depth in (0..4).rev() {
        let value = unsafe { *entry(table, address >> (12 + 9 * depth) & 511) };
        if value & PRESENT == 0 {
            return None;
        }
        all &= value;
        no_execute |= value & NO_EXECUTE != 0;
        if depth == 0 || (value & LARGE != 0 && depth < 3) {
            let size = PAGE << (9 * depth);
            return Some(Translation {
                physical: (value & ADDRESS & !(size - 1)) | (address & (size - 1)),
                size,
                writable: all & WRITE != 0,
                user: all & USER != 0,
                executable: !no_execute,
            });
        }
        table = value;
    }
    None
}

/// The kernel's address space: RAM at the direct map, the image at -2 GiB with text RX, constants R, data RW.
pub fn build_kernel_tables(boot: &mut BootAllocator, ram: &RamMap) -> u64 {
    let root = boot.highest_page();
    let mut fresh = || boot.highest_page();
    let data = WRITE | NO_EXECUTE;
    for region in ram.all().iter().filter(|region| region.kind == RAM && region.start < LIMIT) {
        let mut at = region.start >> 21 << 21;
        while at < region.end.min(LIMIT) {
            map(root, super::DIRECT_MAP + at, at, 1, data, &mut fresh);
            at += 2 << 20;
        }
    }
    map(root, super::DIRECT_MAP + 0xfee0_0000, 0xfee0_0000, 1, data | UNCACHED, &mut fresh);
    let (text, rodata, writable) = (
        (&raw const __text_start as u64, &raw const __text_end as u64, 0),
        (&raw const __rodata_start as u64, &raw const __rodata_end as u64, NO_EXECUTE),
        (&raw const __data_start as u64, &raw const __data_end as u64, data),
    );
    for (start, end, bits) in [text, rodata, writable] {
        let mut at = start;
        while at < end {
            map(root, at, at - KERNEL_OFFSET, 0, bits, &mut fresh);
            at += PAGE;
        }
    }
    root
}
