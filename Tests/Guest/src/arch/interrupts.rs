//! Descriptor tables, exceptions, and the legacy interrupt controller.
use super::cpu::{self, out8, MAX_CPUS};
use core::arch::asm;
use core::fmt::Write;

const STACK: usize = 8192;
pub const WAKE_VECTOR: u8 = 0x40;

#[repr(C, align(16))]
struct Stacks([[u8; STACK]; 2]);

#[repr(C, packed(4))]
struct TaskState {
    reserved: u32,
    rsp: [u64; 3],
    reserved_1: u64,
    ist: [u64; 7],
    reserved_2: u64,
    reserved_3: u16,
    io_map: u16,
}

#[repr(C)]
struct Pointer {
    padding: [u16; 3],
    limit: u16,
    base: u64,
}

static mut STACKS: [Stacks; MAX_CPUS] = [const { Stacks([[0; STACK]; 2]) }; MAX_CPUS];
static mut TASK_STATES: [TaskState; MAX_CPUS] = [const {
    TaskState { reserved: 0, rsp: [0; 3], reserved_1: 0, ist: [0; 7], reserved_2: 0, reserved_3: 0, io_map: 104 }
}; MAX_CPUS];
static mut GLOBAL_TABLES: [[u64; 6]; MAX_CPUS] = [[0; 6]; MAX_CPUS];
static mut INTERRUPT_TABLE: [[u64; 2]; 256] = [[0; 2]; 256];

extern "C" {
    static exception_entries: [u64; 32];
    fn interrupt_serial();
    fn interrupt_wake();
    fn interrupt_ignore();
}

fn gate(handler: u64, stack: u64) -> [u64; 2] {
    let low = handler & 0xffff | 0x18 << 16 | stack << 32 | 0x8e00 << 32 | (handler >> 16 & 0xffff) << 48;
    [low, handler >> 32]
}

/// Fills the interrupt table and silences all legacy interrupts but that of the serial port.
pub fn init() {
    unsafe {
        for vector in 0..256 {
            let entry = match vector {
                0..=31 => gate(exception_entries[vector], 2),
                0x24 => gate(interrupt_serial as *const () as u64, 1),
                0x40 => gate(interrupt_wake as *const () as u64, 1),
                _ => gate(interrupt_ignore as *const () as u64, 1),
            };
            (*(&raw mut INTERRUPT_TABLE))[vector] = entry;
        }
        for (port, value) in [(0x20, 0x11), (0xa0, 0x11), (0x21, 0x20), (0xa1, 0x28), (0x21, 4), (0xa1, 2), (0x21, 1), (0xa1, 1)] {
            out8(port, value);
        }
        out8(0x21, 0xef);
        out8(0xa1, 0xff);
    }
    load(0);
}

/// Loads the tables on the running CPU.
pub fn load(cpu: usize) {
    unsafe {
        let stacks = &raw const STACKS[cpu];
        let state = &raw mut TASK_STATES[cpu];
        (*state).ist[0] = stacks as u64 + STACK as u64;
        (*state).ist[1] = stacks as u64 + 2 * STACK as u64;
        let base = state as u64;
        let table = &raw mut GLOBAL_TABLES[cpu];
        (*table)[1] = 0x00cf_9a00_0000_ffff;
        (*table)[2] = 0x00cf_9200_0000_ffff;
        (*table)[3] = 0x00af_9a00_0000_ffff;
        (*table)[4] = 103 | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56;
        (*table)[5] = base >> 32;
        let global = Pointer { padding: [0; 3], limit: 47, base: table as u64 };
        let interrupt = Pointer { padding: [0; 3], limit: 4095, base: (&raw const INTERRUPT_TABLE) as u64 };
        asm!("lgdt [{}]", in(reg) &raw const global.limit, options(nostack));
        asm!("lidt [{}]", in(reg) &raw const interrupt.limit, options(nostack));
        asm!("ltr {:x}", in(reg) 0x20u16, options(nostack));
    }
}

#[repr(C)]
struct Frame {
    registers: [u64; 15],
    vector: u64,
    code: u64,
    rip: u64,
    cs: u64,
    flags: u64,
    rsp: u64,
    ss: u64,
}

#[no_mangle]
extern "C" fn exception_entry(frame: &Frame) -> ! {
    let mut out = crate::json::Out::new();
    let _ = write!(
        out,
        "\n{{\"panic\":\"exception {} code {:#x} rip {:#x} rsp {:#x} cr2 {:#x} cpu {}\"}}\n",
        frame.vector, frame.code, frame.rip, frame.rsp, cpu::read_cr2(), cpu::id()
    );
    drop(out);
    cpu::exit_debug(0x33);
    cpu::halt_forever()
}
