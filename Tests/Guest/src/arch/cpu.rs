//! One instruction each, and what every CPU owns.
use core::arch::asm;

pub const MAX_CPUS: usize = 8;

/// What `gs` points to.
#[repr(C)]
pub struct PerCpu {
    pub id: u64,
}

static mut PER_CPU: [PerCpu; MAX_CPUS] = [const { PerCpu { id: 0 } }; MAX_CPUS];

/// Gives the running CPU its number.
pub fn init(id: usize) {
    unsafe {
        let per_cpu = &raw mut PER_CPU[id];
        (*per_cpu).id = id as u64;
        write_msr(0xc000_0101, per_cpu as u64);
    }
    crate::arch::interrupts::load(id);
}

#[inline(always)]
pub fn id() -> usize {
    let id: u64;
    unsafe { asm!("mov {}, gs:[0]", out(reg) id, options(nostack, readonly, preserves_flags)) };
    id as usize
}

#[inline(always)]
pub unsafe fn write_msr(number: u32, value: u64) {
    asm!("wrmsr", in("ecx") number, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack));
}

#[inline(always)]
pub unsafe fn out8(port: u16, value: u8) {
    asm!("out dx, al", in("dx") port, in("al") value, options(nostack, nomem, preserves_flags));
}

#[inline(always)]
pub unsafe fn out16(port: u16, value: u16) {
    asm!("out dx, ax", in("dx") port, in("ax") value, options(nostack, nomem, preserves_flags));
}

#[inline(always)]
pub unsafe fn in8(port: u16) -> u8 {
    let value: u8;
    asm!("in al, dx", in("dx") port, out("al") value, options(nostack, nomem, preserves_flags));
    value
}

#[inline(always)]
pub unsafe fn out_string(port: u16, bytes: &[u8]) {
    asm!("rep outsb", in("dx") port, inout("rsi") bytes.as_ptr() => _, inout("rcx") bytes.len() => _,
        options(nostack, readonly, preserves_flags));
}

#[inline(always)]
pub fn interrupts_enabled() -> bool {
    let flags: u64;
    unsafe { asm!("pushfq", "pop {}", out(reg) flags, options(nomem)) };
    flags & 0x200 != 0
}

#[inline(always)]
pub fn disable_interrupts() {
    unsafe { asm!("cli", options(nostack)) };
}

#[inline(always)]
pub fn enable_interrupts() {
    unsafe { asm!("sti", options(nostack)) };
}

/// Sleeps until an interrupt; called and left with interrupts off.
#[inline(always)]
pub fn wait_for_interrupt() {
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

pub fn halt_forever() -> ! {
    loop {
        unsafe { asm!("cli", "hlt", options(nostack)) };
    }
}

/// Ends QEMU where it has an `isa-debug-exit` device.
pub fn exit_debug(code: u8) {
    unsafe { out8(0xf4, code) };
}

pub fn read_cr3() -> u64 {
    let value: u64;
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nostack, nomem, preserves_flags)) };
    value
}

pub unsafe fn write_cr3(value: u64) {
    asm!("mov cr3, {}", in(reg) value, options(nostack, preserves_flags));
}

pub fn read_cr2() -> u64 {
    let value: u64;
    unsafe { asm!("mov {}, cr2", out(reg) value, options(nostack, nomem, preserves_flags)) };
    value
}

pub fn flush_page(virtual_address: u64) {
    unsafe { asm!("invlpg [{}]", in(reg) virtual_address, options(nostack, preserves_flags)) };
}

pub fn timestamp() -> u64 {
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Whether the CPU maps 1 GiB pages.
pub fn has_gigabyte_pages() -> bool {
    #[allow(unused_unsafe)]
    unsafe {
        core::arch::x86_64::__cpuid(0x8000_0000).eax >= 0x8000_0001
            && core::arch::x86_64::__cpuid(0x8000_0001).edx & (1 << 26) != 0
    }
}

/// Spins for about this many timestamp ticks.
pub fn spin(ticks: u64) {
    let start = timestamp();
    while timestamp().wrapping_sub(start) < ticks {
        core::hint::spin_loop();
    }
}
