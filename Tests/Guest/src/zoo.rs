//! Hooks of every kind that a prover must tell apart. They are never installed and never run.
//!
//! Each says what must be proved of it, in optimised and in unoptimised builds: unoptimised code calls functions of `core`
//! that check what the optimiser knows, so that more of it can panic. Bodies differ, or the compiler would fold them.
use crate::arch::cpu;
use crate::json::Out;
use crate::memory::buddy::{self, Migratetype};
use crate::memory::frame::FrameMetaVtable;
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::arch::asm;
use core::hint::{black_box, spin_loop};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

static TALLY: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
static COUNT: AtomicU64 = AtomicU64::new(0);
static OTHER: AtomicU64 = AtomicU64::new(0);
static FLAG: AtomicBool = AtomicBool::new(false);
static LOCK: SpinLock<u64> = SpinLock::new(0);
static NEXT_TICKET: AtomicU64 = AtomicU64::new(0);
static NOW_SERVING: AtomicU64 = AtomicU64::new(0);

/// A pointer that may change, for calls that cannot be resolved.
static mut HANDLER: fn(u64) = note;
static mut OBSERVER: &dyn Observer = &Quiet;

trait Observer: Sync {
    fn observe(&self, value: u64);
}

struct Quiet;
struct Loud;

impl Observer for Quiet {
    #[inline(never)]
    fn observe(&self, value: u64) {
        COUNT.fetch_add(value, Relaxed);
    }
}

impl Observer for Loud {
    #[inline(never)]
    fn observe(&self, value: u64) {
        OTHER.fetch_add(value, Relaxed);
    }
}

/// A pointer that never changes.
static CONSTANT_HANDLER: extern "C" fn(u64) = note_constant;
static CONSTANT_PANIC: extern "C" fn(u64) = panic_constant;

extern "C" fn note_constant(value: u64) {
    COUNT.fetch_add(value ^ 0x11, Relaxed);
}

extern "C" fn panic_constant(value: u64) {
    panic!("constant {value}");
}

#[inline(never)]
fn note(value: u64) {
    COUNT.fetch_add(value, Relaxed);
}

#[inline(never)]
fn note_other(value: u64) {
    OTHER.fetch_xor(value.rotate_left(9), Relaxed);
}

// MARK: Chains, three deep

#[inline(never)]
fn count_deep(value: u64) {
    count_deeper(value ^ 0x21);
    OTHER.fetch_add(1, Relaxed);
}

#[inline(never)]
fn count_deeper(value: u64) {
    note(value ^ 0x22);
    OTHER.fetch_add(2, Relaxed);
}

#[inline(never)]
fn allocate_deep(value: u64) {
    allocate_deeper(value ^ 0x31);
    OTHER.fetch_add(3, Relaxed);
}

#[inline(never)]
fn allocate_deeper(value: u64) {
    core::mem::forget(black_box(Box::new(value ^ 0x32)));
    OTHER.fetch_add(4, Relaxed);
}

#[inline(never)]
fn lock_deep(value: u64) {
    lock_deeper(value ^ 0x41);
    OTHER.fetch_add(5, Relaxed);
}

#[inline(never)]
fn lock_deeper(value: u64) {
    take_lock(value ^ 0x42);
    OTHER.fetch_add(6, Relaxed);
}

#[inline(never)]
fn take_lock(value: u64) {
    *LOCK.lock() = value ^ 0x43;
}

#[inline(never)]
fn panic_deep(value: u64) {
    panic_deeper(value ^ 0x51);
    OTHER.fetch_add(7, Relaxed);
}

#[inline(never)]
fn panic_deeper(value: u64) {
    if value & 0x40 != 0 {
        panic!("three deep");
    }
    OTHER.fetch_add(8, Relaxed);
}

#[inline(never)]
fn enable_deep(value: u64) {
    enable_deeper(value ^ 0x61);
    OTHER.fetch_add(9, Relaxed);
}

#[inline(never)]
fn enable_deeper(value: u64) {
    OTHER.fetch_add(value, Relaxed);
    unsafe { asm!("sti", options(nostack)) };
}

#[inline(never)]
fn wait_deep(value: u64) {
    wait_deeper(value ^ 0x71);
    OTHER.fetch_add(11, Relaxed);
}

#[inline(never)]
fn wait_deeper(value: u64) {
    OTHER.fetch_add(value, Relaxed);
    unsafe { asm!("hlt", options(nostack)) };
}

#[inline(never)]
fn die(value: u64) -> ! {
    panic!("died of {value}")
}

#[inline(never)]
fn count_down(left: u64) {
    if left != 0 {
        count_down(left.wrapping_sub(1));
        COUNT.fetch_add(left, Relaxed);
    }
}

#[inline(never)]
fn count_up(value: u64) {
    if value & 1 == 0 {
        count_sideways(value >> 1);
        OTHER.fetch_add(12, Relaxed);
    }
}

#[inline(never)]
fn count_sideways(value: u64) {
    if value & 2 == 0 {
        count_up(value >> 2);
        OTHER.fetch_add(13, Relaxed);
    }
}

#[inline(never)]
#[allow(unconditional_recursion)]
fn sink_deeper(value: u64) {
    COUNT.fetch_add(value, Relaxed);
    sink_deeper(value ^ 1);
    OTHER.fetch_add(value, Relaxed);
}

#[inline(always)]
fn raw_lock(word: &AtomicBool) {
    while word.swap(true, Acquire) {
        spin_loop();
    }
}

#[derive(Clone, Copy)]
enum Step {
    Add,
    Remove,
    Flip,
    Set,
    Clear,
}

#[inline(never)]
fn step_of(value: u64) -> Step {
    if value & 1 != 0 {
        Step::Add
    } else if value & 2 != 0 {
        Step::Remove
    } else if value & 4 != 0 {
        Step::Flip
    } else if value & 8 != 0 {
        Step::Set
    } else {
        Step::Clear
    }
}

#[inline(never)]
fn call_it(callee: &dyn Fn(u64), value: u64) {
    callee(value);
    OTHER.fetch_add(14, Relaxed);
}

pub struct Specimen {
    pub name: &'static str,
    pub hook: fn(PhysAddr),
    pub vtable: &'static FrameMetaVtable,
    pub verdict: &'static str,
    /// Names of the kinds of violation, separated by spaces.
    pub kinds: &'static str,
}

/// `name(frame): verdict [kinds] | verdict [kinds] { body }`: optimised, then unoptimised.
macro_rules! zoo {
    ($($name:ident($frame:ident): $verdict:ident [$($kind:ident)*] | $plain:ident [$($plain_kind:ident)*] $body:block)*) => {
        $(
            #[inline(never)]
            pub fn $name($frame: PhysAddr) $body
        )*
        #[allow(non_upper_case_globals)]
        mod vtables {
            use super::FrameMetaVtable;
            $(
                #[used]
                #[link_section = ".rodata.vtables"]
                pub static $name: FrameMetaVtable =
                    FrameMetaVtable { on_last_ref: None, on_unmap: Some(super::$name), reserved: [0; 6] };
            )*
        }
        pub static ALL: &[Specimen] = &[$(
            Specimen {
                name: stringify!($name),
                hook: $name,
                vtable: &vtables::$name,
                verdict: if cfg!(debug_assertions) { stringify!($plain) } else { stringify!($verdict) },
                kinds: if cfg!(debug_assertions) { stringify!($($plain_kind)*) } else { stringify!($($kind)*) },
            }
        ),*];
    };
}

zoo! {
    // MARK: Clean

    clean_counter(frame): clean [] | clean [] {
        TALLY[0].fetch_add(frame.0, Relaxed);
    }
    clean_exchange(frame): clean [] | clean [] {
        COUNT.swap(frame.0, AcqRel);
    }
    clean_compare_exchange_loop(frame): clean [] | violates [panic] {
        let mut old = COUNT.load(Relaxed);
        while let Err(seen) = COUNT.compare_exchange_weak(old, old ^ frame.0, AcqRel, Relaxed) {
            old = seen;
        }
    }
    clean_compare_exchange_assembly(frame): clean [] | clean [] {
        unsafe {
            asm!("mov rax, [{word}]", "2:", "lea {new}, [rax + {value}]", "lock cmpxchg [{word}], {new}", "jne 2b",
                word = in(reg) COUNT.as_ptr(), value = in(reg) frame.0, new = out(reg) _, out("rax") _, options(nostack))
        };
    }
    clean_flags_restored(frame): clean [] | clean [] {
        unsafe {
            asm!("pushfq", "cli", "add qword ptr [{word}], {value}", "popfq",
                word = in(reg) COUNT.as_ptr(), value = in(reg) frame.0)
        };
    }
    clean_flags_restored_from_register(frame): clean [] | clean [] {
        unsafe {
            asm!("pushfq", "pop {flags}", "cli", "sub qword ptr [{word}], {value}", "push {flags}", "popfq",
                word = in(reg) COUNT.as_ptr(), value = in(reg) frame.0, flags = out(reg) _)
        };
    }
    clean_interrupts_restored(frame): clean [] | clean [] {
        let were_enabled = cpu::interrupts_enabled();
        cpu::disable_interrupts();
        COUNT.fetch_or(frame.0, Relaxed);
        if were_enabled {
            cpu::enable_interrupts();
        }
    }
    clean_three_deep(frame): clean [] | clean [] {
        count_deep(frame.0);
        COUNT.fetch_add(21, Relaxed);
    }
    clean_tail_call(frame): clean [] | clean [] {
        note_other(frame.0 ^ 0x17);
    }
    clean_recursion(frame): clean [] | clean [] {
        count_down(frame.0 & 0xf);
    }
    clean_mutual_recursion(frame): clean [] | clean [] {
        count_up(frame.0);
    }
    clean_switch(frame): clean [] | clean [] {
        match frame.0 & 7 {
            0 => drop(COUNT.fetch_add(31, Relaxed)),
            1 => drop(OTHER.fetch_sub(32, Relaxed)),
            2 => drop(COUNT.fetch_xor(33, Relaxed)),
            3 => drop(OTHER.fetch_or(34, Relaxed)),
            4 => note(35),
            5 => note_other(36),
            6 => drop(COUNT.swap(37, Relaxed)),
            _ => drop(OTHER.fetch_and(38, Relaxed)),
        }
    }
    clean_switch_over_enum(frame): clean [] | clean [] {
        match step_of(frame.0) {
            Step::Add => drop(COUNT.fetch_add(41, Relaxed)),
            Step::Remove => drop(OTHER.fetch_sub(42, Relaxed)),
            Step::Flip => note(43),
            Step::Set => note_other(44),
            Step::Clear => drop(COUNT.fetch_and(45, Relaxed)),
        }
    }
    clean_constant_pointer(frame): clean [] | clean [] {
        unsafe { asm!("call qword ptr [rip + {slot}]", slot = sym CONSTANT_HANDLER, in("rdi") frame.0, clobber_abi("C")) };
    }
    clean_index_proved(frame): clean [] | violates [panic] {
        TALLY[(frame.0 & 7) as usize].fetch_add(51, Relaxed);
    }
    clean_unwrap_proved(frame): clean [] | violates [panic] {
        COUNT.fetch_add((frame.0 & 0xff).checked_add(52).unwrap(), Relaxed);
    }
    clean_division_proved(frame): clean [] | violates [panic] {
        COUNT.fetch_add(0x1000 / ((frame.0 & 0xff) | 1), Relaxed);
    }
    clean_debug_assertion(frame): clean [] | violates [panic] {
        debug_assert!(frame.0 & 0xfff == 0);
        OTHER.fetch_add(frame.0 >> 12, Relaxed);
    }
    clean_counted_pauses(frame): clean [] | clean [] {
        let mut left = frame.0 & 0xff;
        while left != 0 {
            spin_loop();
            left = left.wrapping_sub(1);
        }
    }
    clean_wiped_line(frame): clean [] | violates [panic] {
        let line = crate::memory::direct(frame.0 & !0xfff) as *mut u64;
        for word in 0..8 {
            unsafe { line.add(word).write_volatile(0x5a) };
        }
    }

    // MARK: Allocation

    allocation_direct(frame): violates [allocation panic] | violates [allocation panic] {
        core::mem::forget(black_box(Box::new(frame.0 ^ 0x61)));
    }
    allocation_three_deep(frame): violates [allocation panic] | violates [allocation panic] {
        allocate_deep(frame.0);
        COUNT.fetch_add(62, Relaxed);
    }
    allocation_tail_call(frame): violates [allocation panic] | violates [allocation panic] {
        allocate_deeper(frame.0 ^ 0x63);
    }
    allocation_behind_condition(frame): violates [allocation panic] | violates [allocation panic] {
        if frame.0 & 0x1_0000 != 0 {
            allocate_deeper(64);
        }
        COUNT.fetch_add(64, Relaxed);
    }
    allocation_of_a_list(frame): violates [allocation lock panic] | violates [allocation panic] {
        let mut list = Vec::new();
        list.push(frame.0);
        list.push(65);
        core::mem::forget(black_box(list));
    }
    allocation_given_back(frame): violates [allocation lock] | violates [allocation] {
        unsafe { alloc::alloc::dealloc(frame.0 as *mut u8, core::alloc::Layout::new::<[u64; 9]>()) };
    }
    allocation_of_frames(frame): violates [allocation] | violates [allocation] {
        black_box(buddy::alloc(frame.0 as u8, Migratetype::Movable));
    }
    allocation_frames_given_back(frame): violates [allocation] | violates [allocation] {
        buddy::free(frame.0, 0);
    }
    allocation_in_switch(frame): violates [allocation panic] | violates [allocation panic] {
        match frame.0 & 7 {
            0 => drop(COUNT.fetch_add(71, Relaxed)),
            1 => drop(OTHER.fetch_sub(72, Relaxed)),
            2 => drop(COUNT.fetch_xor(73, Relaxed)),
            3 => allocate_deeper(74),
            4 => note(75),
            5 => note_other(76),
            6 => drop(COUNT.swap(77, Relaxed)),
            _ => drop(OTHER.fetch_and(78, Relaxed)),
        }
    }

    // MARK: Locks

    lock_by_name(frame): violates [lock] | violates [interrupts lock panic] {
        *LOCK.lock() = frame.0 ^ 0x81;
    }
    lock_three_deep(frame): violates [lock] | violates [interrupts lock panic] {
        lock_deep(frame.0);
        COUNT.fetch_add(82, Relaxed);
    }
    lock_tail_call(frame): violates [lock] | violates [interrupts lock panic] {
        take_lock(frame.0 ^ 0x83);
    }
    lock_by_shape(frame): violates [lock] | violates [lock panic] {
        raw_lock(&FLAG);
        OTHER.fetch_add(frame.0, Relaxed);
        FLAG.store(false, Release);
    }
    lock_without_pause(frame): violates [lock] | violates [lock] {
        unsafe {
            asm!("2:", "xor eax, eax", "mov {taken:e}, 1", "lock cmpxchg [{word}], {taken:e}", "jne 2b",
                "add qword ptr [{other}], {value}", "mov dword ptr [{word}], 0", word = in(reg) COUNT.as_ptr(),
                other = in(reg) OTHER.as_ptr(), value = in(reg) frame.0, taken = out(reg) _, out("rax") _, options(nostack))
        };
    }
    lock_of_tickets(frame): violates [lock] | violates [blocking panic] {
        let ticket = NEXT_TICKET.fetch_add(1, Relaxed);
        while NOW_SERVING.load(Acquire) != ticket {
            spin_loop();
        }
        OTHER.fetch_xor(frame.0, Relaxed);
        NOW_SERVING.fetch_add(1, Release);
    }

    // MARK: Panics

    panic_direct(frame): violates [panic] | violates [panic] {
        panic!("frame {}", frame.0);
    }
    panic_three_deep(frame): violates [panic] | violates [panic] {
        panic_deep(frame.0);
        COUNT.fetch_add(92, Relaxed);
    }
    panic_tail_call(frame): violates [panic] | violates [panic] {
        die(frame.0 ^ 0x93);
    }
    panic_behind_condition(frame): violates [panic] | violates [panic] {
        if frame.0 & 0x2_0000 != 0 {
            die(94);
        }
        COUNT.fetch_add(94, Relaxed);
    }
    panic_index(frame): violates [panic] | violates [panic] {
        TALLY[frame.0 as usize].fetch_add(95, Relaxed);
    }
    panic_unwrap(frame): violates [panic] | violates [panic] {
        COUNT.fetch_add(frame.0.checked_add(96).unwrap(), Relaxed);
    }
    panic_expect(frame): violates [panic] | violates [panic] {
        OTHER.fetch_add(u64::from(u32::try_from(frame.0).expect("a small address")), Relaxed);
    }
    panic_division(frame): violates [panic] | violates [panic] {
        COUNT.fetch_add(97 / frame.0, Relaxed);
    }
    panic_overflow(frame): clean [] | violates [panic] {
        COUNT.fetch_add(frame.0 * 98, Relaxed);
    }
    panic_assertion(frame): violates [panic] | violates [panic] {
        assert!(frame.0 & 0xfff == 0, "frame {:#x}", frame.0);
        OTHER.fetch_add(99, Relaxed);
    }
    panic_slice(frame): violates [panic] | violates [panic] {
        COUNT.fetch_add(TALLY[frame.0 as usize..].len() as u64, Relaxed);
    }
    panic_instruction(frame): violates [panic] | violates [panic] {
        OTHER.fetch_add(frame.0 ^ 0xa1, Relaxed);
        unsafe { asm!("ud2", options(nostack)) };
    }
    panic_constant_pointer(frame): violates [panic] | violates [panic] {
        unsafe { asm!("call qword ptr [rip + {slot}]", slot = sym CONSTANT_PANIC, in("rdi") frame.0, clobber_abi("C")) };
    }
    panic_in_switch(frame): violates [panic] | violates [panic] {
        match frame.0 & 7 {
            0 => drop(COUNT.fetch_add(0xa2, Relaxed)),
            1 => drop(OTHER.fetch_sub(0xa3, Relaxed)),
            2 => drop(COUNT.fetch_xor(0xa4, Relaxed)),
            3 => die(0xa5),
            4 => note(0xa6),
            5 => note_other(0xa7),
            6 => drop(COUNT.swap(0xa8, Relaxed)),
            _ => drop(OTHER.fetch_and(0xa9, Relaxed)),
        }
    }

    // MARK: Interrupts

    interrupts_enabled(frame): violates [interrupts] | violates [interrupts] {
        COUNT.fetch_add(frame.0 ^ 0xb1, Relaxed);
        cpu::enable_interrupts();
    }
    interrupts_three_deep(frame): violates [interrupts] | violates [interrupts] {
        enable_deep(frame.0);
        COUNT.fetch_add(0xb2, Relaxed);
    }
    interrupts_by_flags(frame): violates [interrupts] | violates [interrupts] {
        unsafe { asm!("push {}", "popfq", in(reg) frame.0) };
    }
    interrupts_by_changed_flags(frame): violates [interrupts] | violates [interrupts] {
        OTHER.fetch_add(frame.0 ^ 0xb3, Relaxed);
        unsafe { asm!("pushfq", "or qword ptr [rsp], 0x200", "popfq") };
    }
    interrupts_by_return(frame): violates [interrupts] | violates [interrupts] {
        OTHER.fetch_add(frame.0 ^ 0xb4, Relaxed);
        unsafe { asm!("iretq", options(noreturn)) };
    }

    // MARK: Waiting

    blocking_halt(frame): violates [blocking] | violates [blocking] {
        COUNT.fetch_add(frame.0 ^ 0xc1, Relaxed);
        unsafe { asm!("hlt", options(nostack)) };
    }
    blocking_three_deep(frame): violates [blocking] | violates [blocking] {
        wait_deep(frame.0);
        COUNT.fetch_add(0xc2, Relaxed);
    }
    blocking_for_ever(frame): violates [blocking] | violates [blocking] {
        loop {
            COUNT.fetch_add(frame.0 ^ 0xc3, Relaxed);
        }
    }
    blocking_until_flag(frame): violates [blocking] | violates [blocking panic] {
        while !FLAG.load(Acquire) {
            spin_loop();
        }
        COUNT.fetch_add(frame.0 ^ 0xc4, Relaxed);
    }
    blocking_recursion(frame): violates [blocking] | violates [blocking] {
        sink_deeper(frame.0 ^ 0xc5);
    }

    // MARK: What cannot be proved

    unproven_pointer(frame): unproven [] | violates [panic] {
        unsafe { HANDLER(frame.0 ^ 0xd1) };
        COUNT.fetch_add(0xd1, Relaxed);
    }
    unproven_tail_pointer(frame): unproven [] | violates [panic] {
        unsafe { HANDLER(frame.0 ^ 0xd2) };
    }
    unproven_trait_object(frame): unproven [] | violates [panic] {
        let observer = unsafe { OBSERVER };
        observer.observe(frame.0 ^ 0xd3);
        OTHER.fetch_add(0xd3, Relaxed);
    }
    unproven_closure(frame): unproven [] | unproven [] {
        let count = |value| {
            COUNT.fetch_add(value ^ 0xd4, Relaxed);
        };
        call_it(black_box(&count), frame.0);
    }
    unproven_system_call(frame): unproven [] | unproven [] {
        OTHER.fetch_add(frame.0 ^ 0xd5, Relaxed);
        unsafe { asm!("int 0x40") };
    }
    unproven_and_panics(frame): violates [panic] | violates [panic] {
        unsafe { HANDLER(frame.0 ^ 0xd6) };
        panic!("after an unknown call");
    }
}

/// Writes the member `zoo`.
pub fn list(out: &mut Out) {
    // The optimiser must not take these for constants.
    unsafe {
        HANDLER = black_box(note_other);
        OBSERVER = black_box(&Loud);
    }
    out.key("zoo");
    out.open(b'[');
    for specimen in ALL {
        out.element(b'{');
        out.text("name", specimen.name);
        out.number("address", specimen.hook as usize as u64);
        out.number("vtable", specimen.vtable as *const FrameMetaVtable as u64);
        out.text("verdict", specimen.verdict);
        out.text("kinds", specimen.kinds);
        out.close(b'}');
    }
    out.close(b']');
}
