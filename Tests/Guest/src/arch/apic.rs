//! The local interrupt controller, reached through the direct map.
use crate::memory;

const BASE: u64 = 0xfee0_0000;

unsafe fn write(register: u64, value: u32) {
    (memory::direct(BASE + register) as *mut u32).write_volatile(value);
}

unsafe fn read(register: u64) -> u32 {
    (memory::direct(BASE + register) as *const u32).read_volatile()
}

/// Switches the running CPU's controller on; the boot CPU also takes the legacy controller's interrupts.
pub fn init() {
    unsafe {
        write(0xf0, 0x1ff);
        write(0x80, 0);
        write(0x350, if crate::arch::cpu::id() == 0 { 0x700 } else { 0x1_0000 });
    }
}

/// Sends an inter-processor command to the CPU with this APIC id.
pub fn send(target: usize, command: u32) {
    unsafe {
        write(0x310, (target as u32) << 24);
        write(0x300, command);
        while read(0x300) & 0x1000 != 0 {
            core::hint::spin_loop();
        }
    }
}

/// Wakes a CPU that waits for an interrupt.
pub fn wake(target: usize) {
    send(target, 0x4000 | crate::arch::interrupts::WAKE_VECTOR as u32);
}
