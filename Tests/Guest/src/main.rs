//! A small kernel that keeps the frame metadata contract, to test FrameInspect against. See ../README.md.
#![no_std]
#![no_main]
#![allow(dead_code)]

extern crate alloc;

pub mod acts;
pub mod arch;
pub mod capability;
pub mod check;
pub mod churn;
pub mod commands;
pub mod fixtures;
pub mod hooks;
pub mod json;
pub mod memory;
pub mod pvh;
pub mod random;
pub mod runtime;
pub mod scenarios;
pub mod smallvec;
pub mod sync;
pub mod x86_64;
pub mod zoo;

core::arch::global_asm!(include_str!("boot.s"), options(att_syntax, raw));
core::arch::global_asm!(include_str!("arch/interrupts.s"), options(att_syntax, raw));
core::arch::global_asm!(include_str!("runtime.s"), options(att_syntax, raw));

/// First Rust code on the boot CPU: long mode, the first 32 GiB mapped by the boot page tables, interrupts off.
#[no_mangle]
extern "C" fn kmain(start_info: u64) -> ! {
    arch::serial::init();
    arch::cpu::init(0);
    arch::interrupts::init();
    let map = pvh::RamMap::read(start_info);
    memory::init(map);
    arch::apic::init();
    arch::smp::start_all();
    fixtures::init();
    churn::init();
    commands::announce();
    commands::run()
}
