//! Starting the other CPUs.
use super::{apic, cpu};
use crate::memory::{self, buddy, paging};
use core::sync::atomic::{AtomicUsize, Ordering};

const TRAMPOLINE: u64 = 0x8000;
const STACK_ORDER: u8 = 2;

pub static ONLINE: AtomicUsize = AtomicUsize::new(1);

extern "C" {
    static ap_start: u8;
    static ap_end: u8;
    static ap_cr3: u8;
    static ap_stack: u8;
    static ap_entry: u8;
    static ap_argument: u8;
    static boot_pml4: u8;
}

/// The number of vCPUs, from QEMU's firmware configuration device.
fn configured() -> usize {
    unsafe {
        cpu::out16(0x510, 5);
        let low = cpu::in8(0x511) as usize;
        low | (cpu::in8(0x511) as usize) << 8
    }
}

pub fn start_all() {
    let count = configured().clamp(1, cpu::MAX_CPUS);
    unsafe {
        let (start, end) = (&raw const ap_start as u64, &raw const ap_end as u64);
        let target = memory::direct(TRAMPOLINE);
        core::ptr::copy_nonoverlapping(start as *const u8, target as *mut u8, (end - start) as usize);
        let set = |label: *const u8, value: u64| ((target + (label as u64 - start)) as *mut u64).write_volatile(value);
        set(&raw const ap_cr3, &raw const boot_pml4 as u64 - paging::KERNEL_OFFSET);
        set(&raw const ap_entry, ap_main as *const () as u64);
        for id in 1..count {
            // A stack is an allocation without a claim: the frames stay without an owner's count.
            let stack = buddy::alloc(STACK_ORDER, buddy::Migratetype::Unmovable).expect("no memory for a stack");
            set(&raw const ap_stack, memory::direct(stack) + (4096 << STACK_ORDER));
            set(&raw const ap_argument, id as u64);
            start_one(id);
        }
    }
}

fn start_one(id: usize) {
    apic::send(id, 0x4500);
    cpu::spin(10_000_000);
    for _ in 0..100 {
        apic::send(id, 0x4600 | (TRAMPOLINE >> 12) as u32);
        for _ in 0..100 {
            if ONLINE.load(Ordering::Acquire) > id {
                return;
            }
            cpu::spin(1_000_000);
        }
    }
    panic!("CPU {} does not start", id);
}

extern "C" fn ap_main(id: usize) -> ! {
    unsafe { cpu::write_cr3(memory::KERNEL_CR3.load(Ordering::Acquire)) };
    cpu::init(id);
    apic::init();
    ONLINE.store(id + 1, Ordering::Release);
    crate::churn::work(id)
}
