//! User address spaces. Nothing ever runs in them; they are there to be walked.
use super::buddy::{self, Migratetype};
use super::frame::{self, flags};
use super::{paging, PAGE};
use crate::sync::SpinLock;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

pub struct UserMapping {
    pub physical: u64,
    pub level: u32,
    pub writable: bool,
    pub executable: bool,
}

pub struct AddressSpace {
    pub pid: u32,
    pub cr3: u64,
    /// What was asked for, by virtual address: the truth that the page tables are compared with.
    pub mappings: BTreeMap<u64, UserMapping>,
}

pub static ADDRESS_SPACES: SpinLock<Vec<AddressSpace>> = SpinLock::new(Vec::new());

fn table_page() -> u64 {
    let page = buddy::alloc(0, Migratetype::Unmovable).expect("no memory for a page table");
    frame::claim(page, flags::KERNEL);
    unsafe { core::ptr::write_bytes(super::direct(page) as *mut u8, 0, PAGE as usize) };
    page
}

impl AddressSpace {
    /// An empty lower half; the upper half is the kernel's.
    pub fn new(pid: u32) -> AddressSpace {
        let cr3 = table_page();
        let kernel = super::KERNEL_CR3.load(Ordering::Acquire);
        unsafe {
            let (from, to) = (super::direct(kernel) as *const u64, super::direct(cr3) as *mut u64);
            core::ptr::copy_nonoverlapping(from.add(256), to.add(256), 256);
        }
        AddressSpace { pid, cr3, mappings: BTreeMap::new() }
    }

    pub fn map(&mut self, address: u64, physical: u64, level: u32, writable: bool, executable: bool) {
        let mut bits = paging::USER;
        if writable {
            bits |= paging::WRITE;
        }
        if !executable {
            bits |= paging::NO_EXECUTE;
        }
        paging::map(self.cr3, address, physical, level, bits, &mut table_page);
        self.mappings.insert(address, UserMapping { physical, level, writable, executable });
    }

    /// Makes the tables for the 2 MiB around `address`, so that mapping there needs no memory later.
    pub fn prepare(&mut self, address: u64) {
        paging::map(self.cr3, address, 0, 0, paging::USER | paging::NO_EXECUTE, &mut table_page);
        paging::unmap(self.cr3, address);
    }

    pub fn unmap(&mut self, address: u64) {
        paging::unmap(self.cr3, address);
        self.mappings.remove(&address);
    }

    pub fn is_used(&self, start: u64, size: u64) -> bool {
        self.mappings.range(start..start + size).next().is_some()
    }
}
