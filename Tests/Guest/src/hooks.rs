//! Every hook and every vtable that is installed. A new one needs a function, a static, and a line in `ALL`.
//!
//! Hooks that keep the contract must keep it in every build: unoptimised code reaches panics through overflow checks,
//! index checks, and the memory-order checks of atomic loads and stores. They use `atomic` below instead.
use crate::memory::frame::{FrameMetaVtable, DEFAULT_FRAME_META_VTABLE};
use crate::memory::block::BlockHandle;
use crate::memory::{self, buddy, PAGE};
use crate::sync::SpinLock;
use crate::x86_64::PhysAddr;
use atomic::{add, load, store};
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU64, Ordering::*};

pub static LAST_REF_CALLS: AtomicU64 = AtomicU64::new(0);
pub static UNMAP_CALLS: AtomicU64 = AtomicU64::new(0);
pub static FENCE: AtomicU64 = AtomicU64::new(0);
const LOG: u64 = 64;
static LOG_NEXT: AtomicU64 = AtomicU64::new(0);
static LOG_ENTRIES: [AtomicU64; LOG as usize] = [const { AtomicU64::new(0) }; LOG as usize];

/// One instruction each, without a check that could fail.
pub mod atomic {
    use core::arch::asm;
    use core::sync::atomic::AtomicU64;

    #[inline(always)]
    pub fn add(counter: *const AtomicU64, value: u64) -> u64 {
        let mut old = value;
        unsafe { asm!("lock xadd qword ptr [{}], {}", in(reg) counter, inout(reg) old, options(nostack)) };
        old
    }

    #[inline(always)]
    pub fn load(word: *const AtomicU64) -> u64 {
        let value: u64;
        unsafe { asm!("mov {}, qword ptr [{}]", out(reg) value, in(reg) word, options(nostack, readonly)) };
        value
    }

    #[inline(always)]
    pub fn store(word: *const AtomicU64, value: u64) {
        unsafe { asm!("mov qword ptr [{}], {}", in(reg) word, in(reg) value, options(nostack)) };
    }
}

/// Counts released blocks.
#[inline(never)]
pub fn count_last_ref(_block: PhysAddr) {
    add(&raw const LAST_REF_CALLS, 1);
}

/// Counts released pages and remembers the last ones in a ring.
#[inline(never)]
pub fn log_unmap(page: PhysAddr) {
    add(&raw const UNMAP_CALLS, 1);
    let at = add(&raw const LOG_NEXT, 1) & (LOG - 1);
    let entry = (&raw const LOG_ENTRIES as u64).wrapping_add(at.wrapping_mul(8));
    store(entry as *const AtomicU64, page.0);
}

/// Stops a device that does not exist from reaching the block.
#[inline(never)]
pub fn dma_fence_last_ref(block: PhysAddr) {
    add(&raw const FENCE, block.0.rotate_left(17));
    add(&raw const LAST_REF_CALLS, 1);
}

/// Wipes the first line of the page through the direct map.
#[inline(never)]
pub fn scrub_unmap(page: PhysAddr) {
    let line = load(&raw const memory::HHDM_OFFSET).wrapping_add(page.0 & !(PAGE - 1));
    let mut at = line;
    while at != line.wrapping_add(64) {
        store(at as *const AtomicU64, 0);
        at = at.wrapping_add(8);
    }
    add(&raw const UNMAP_CALLS, 1);
}

// Hooks that break the contract. They are planted on blocks that nothing ever releases; only acts run them.

pub static HOOK_LOCK: SpinLock<u64> = SpinLock::new(0);
static HOOK_TABLE: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];
static HOOK_WORD: AtomicU64 = AtomicU64::new(0);
/// Where `unproven_unmap` goes: only the running kernel knows.
static HOOK_TARGET: AtomicU64 = AtomicU64::new(0);

/// Takes memory from the heap.
#[inline(never)]
pub fn heap_last_ref(block: PhysAddr) {
    let layout = core::alloc::Layout::new::<[u64; 8]>();
    let note = unsafe { alloc::alloc::alloc(layout) };
    store(&raw const HOOK_WORD, note as u64 ^ block.0);
}

/// Takes a frame from the block allocator.
#[inline(never)]
pub fn frame_last_ref(_block: PhysAddr) {
    store(&raw const HOOK_WORD, buddy::alloc(0, buddy::Migratetype::Unmovable).unwrap_or(0));
}

/// Takes the kernel's own kind of lock.
#[inline(never)]
pub fn lock_last_ref(block: PhysAddr) {
    let mut guard = HOOK_LOCK.lock();
    *guard ^= block.0;
}

/// Takes a lock that has no name: an exchange, and a wait with `pause`.
#[inline(never)]
pub fn exchange_lock_unmap(_page: PhysAddr) {
    unsafe {
        asm!(
            "2:", "mov {old}, 1", "xchg qword ptr [{word}], {old}", "test {old}, {old}", "jz 3f",
            "pause", "jmp 2b",
            "3:", "mov qword ptr [{word}], 0",
            word = in(reg) &raw const HOOK_WORD, old = out(reg) _, options(nostack)
        );
    }
}

/// Indexes without a bound.
#[inline(never)]
pub fn index_unmap(page: PhysAddr) {
    HOOK_TABLE[(page.0 / PAGE) as usize].fetch_add(1, Relaxed);
}

/// Unwraps what may be missing.
#[inline(never)]
pub fn unwrap_last_ref(block: PhysAddr) {
    let found = if load(&raw const HOOK_WORD) > block.0 { Some(block.0) } else { None };
    store(&raw const HOOK_WORD, found.unwrap());
}

/// Panics three calls down.
#[inline(never)]
pub fn deep_last_ref(block: PhysAddr) {
    add(&raw const LAST_REF_CALLS, deep_1(block.0));
}

#[inline(never)]
fn deep_1(value: u64) -> u64 {
    deep_2(value ^ 0x11).wrapping_add(load(&raw const HOOK_WORD))
}

#[inline(never)]
fn deep_2(value: u64) -> u64 {
    deep_3(value.rotate_left(3)) ^ load(&raw const FENCE)
}

#[inline(never)]
fn deep_3(value: u64) -> u64 {
    if value & 0xfff == load(&raw const HOOK_WORD) {
        panic!("the hook's word repeats");
    }
    value
}

/// Turns interrupts on.
#[inline(never)]
pub fn sti_last_ref(_block: PhysAddr) {
    unsafe { asm!("sti", options(nostack)) };
    add(&raw const FENCE, 3);
}

/// Sets the interrupt flag through the flags register.
#[inline(never)]
pub fn popf_unmap(_page: PhysAddr) {
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x200", "popfq") };
    add(&raw const FENCE, 5);
}

/// Sleeps.
#[inline(never)]
pub fn hlt_last_ref(_block: PhysAddr) {
    unsafe { asm!("hlt", options(nostack)) };
    add(&raw const FENCE, 7);
}

/// Waits for a word that nobody need ever set.
#[inline(never)]
pub fn wait_unmap(_page: PhysAddr) {
    while load(&raw const HOOK_WORD) == 0 {
        unsafe { asm!("pause", options(nostack, nomem)) };
    }
}

/// Calls where a word in memory points.
#[inline(never)]
pub fn unproven_unmap(page: PhysAddr) {
    unsafe {
        asm!("call {}", in(reg) load(&raw const HOOK_TARGET), in("rdi") page.0, clobber_abi("C"));
    }
}

/// The single page that `reenter_last_ref` releases; 0 for none.
static INNER_BLOCK: AtomicU64 = AtomicU64::new(0);

/// Has the next `reenter_last_ref` release this single page.
pub fn release_inside(base: u64) {
    store(&raw const INNER_BLOCK, base);
}

/// Releases another block, whose hook it may be as well.
#[inline(never)]
pub fn reenter_last_ref(_block: PhysAddr) {
    let inner = load(&raw const INNER_BLOCK);
    store(&raw const INNER_BLOCK, 0);
    if inner != 0 {
        memory::release::release_owned_block(BlockHandle { base: PhysAddr(inner), order: 0 });
    }
    add(&raw const LAST_REF_CALLS, 1);
}

// Hooks that look like the ones above and keep the contract.

/// Its callee has a name like an allocator's and allocates nothing.
#[inline(never)]
pub fn tally_last_ref(block: PhysAddr) {
    tally_reallocations(block.0);
}

#[inline(never)]
fn tally_reallocations(value: u64) {
    add(&raw const FENCE, value | 1);
}

/// Retries a compare-and-exchange: lock-free, though it loops over a locked instruction.
#[inline(never)]
pub fn retry_last_ref(block: PhysAddr) {
    unsafe {
        asm!(
            "mov rax, qword ptr [{word}]",
            "2:", "mov {new}, rax", "xor {new}, {value}", "lock cmpxchg qword ptr [{word}], {new}", "jnz 2b",
            word = in(reg) &raw const FENCE, value = in(reg) block.0, new = out(reg) _, out("rax") _,
            options(nostack)
        );
    }
}

/// Its callee has `lock` in its name and takes none.
#[inline(never)]
pub fn clock_unmap(page: PhysAddr) {
    block_clock(page.0);
}

#[inline(never)]
fn block_clock(value: u64) {
    add(&raw const UNMAP_CALLS, 1);
    store(&raw const HOOK_WORD, value);
}

/// Indexes within a bound that holds by construction.
#[inline(never)]
pub fn masked_unmap(page: PhysAddr) {
    let at = (page.0 / PAGE) & 15;
    add((&raw const HOOK_TABLE as u64).wrapping_add(at.wrapping_mul(8)) as *const AtomicU64, 1);
}

/// Looks at the interrupt flag, and leaves it as it is.
#[inline(never)]
pub fn flags_last_ref(_block: PhysAddr) {
    let flags: u64;
    unsafe { asm!("pushfq", "pop {}", out(reg) flags) };
    add(&raw const FENCE, flags >> 9 & 1);
}

/// Waits a hundred `pause`s, no longer.
#[inline(never)]
pub fn bounded_unmap(_page: PhysAddr) {
    unsafe {
        asm!("mov {0:e}, 100", "2:", "pause", "dec {0:e}", "jnz 2b", out(reg) _, options(nostack, nomem));
    }
    add(&raw const UNMAP_CALLS, 1);
}

// A hook in assembly (a symbol without debug information) that ends in a direct jump to another hook, a vtable at an
// address that is a multiple of 8 and of no more, and one that crosses from one read-only page into the next.
global_asm!(
    ".section .text.assembly_last_ref,\"ax\",@progbits",
    ".globl assembly_last_ref",
    ".type assembly_last_ref,@function",
    "assembly_last_ref:",
    "    test rdi, rdi",
    "    jz 2f",
    "    jmp {count}",
    "2:  ret",
    ".size assembly_last_ref, . - assembly_last_ref",
    ".section .rodata.odd_vtables,\"a\",@progbits",
    ".balign 4096",
    ".skip 4096 - 96",
    ".quad 0",
    ".globl EIGHT_VTABLE",
    ".type EIGHT_VTABLE,@object",
    "EIGHT_VTABLE:",
    ".quad {count}, 0, 0, 0, 0, 0, 0",
    ".globl CROSSING_VTABLE",
    ".type CROSSING_VTABLE,@object",
    ".quad 0",
    ".size EIGHT_VTABLE, 64",
    "CROSSING_VTABLE:",
    ".quad {count}, 0, 0, 0, 0, 0, 0, 0",
    ".size CROSSING_VTABLE, 64",
    ".text",
    count = sym count_last_ref,
);

extern "C" {
    fn assembly_last_ref(block: u64);
    static EIGHT_VTABLE: [u64; 8];
    static CROSSING_VTABLE: [u64; 8];
}

pub fn eight_vtable() -> *const FrameMetaVtable {
    (&raw const EIGHT_VTABLE).cast()
}

pub fn crossing_vtable() -> *const FrameMetaVtable {
    (&raw const CROSSING_VTABLE).cast()
}

const fn vtable(on_last_ref: Option<fn(PhysAddr)>, on_unmap: Option<fn(PhysAddr)>) -> FrameMetaVtable {
    FrameMetaVtable { on_last_ref, on_unmap, reserved: [0; 6] }
}

/// A vtable's words, for those that no Rust type would let through.
#[repr(C, align(8))]
pub struct Words([*const (); 9]);

unsafe impl Sync for Words {}

const NOTHING: *const () = core::ptr::null();

/// The words of a vtable, and one more for what follows it.
const fn words(on_last_ref: *const (), on_unmap: *const ()) -> Words {
    Words([on_last_ref, on_unmap, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING])
}

macro_rules! vtables {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(#[used] #[link_section = ".rodata.vtables"] pub static $name: $type = $value;)*
    };
}

vtables! {
    COUNT_VTABLE: FrameMetaVtable = vtable(Some(count_last_ref), None);
    LOG_VTABLE: FrameMetaVtable = vtable(None, Some(log_unmap));
    SCRUB_VTABLE: FrameMetaVtable = vtable(None, Some(scrub_unmap));
    DMA_VTABLE: FrameMetaVtable = vtable(Some(dma_fence_last_ref), Some(scrub_unmap));
    // From here on: installed by scenarios only.
    EMPTY_VTABLE: FrameMetaVtable = vtable(None, None);
    RESERVED_VTABLE: FrameMetaVtable =
        FrameMetaVtable { on_last_ref: Some(count_last_ref), on_unmap: None, reserved: [0, 0, 0x5eed, 0, 0, 0] };
    HEAP_HOOK_VTABLE: FrameMetaVtable = vtable(Some(heap_last_ref), None);
    FRAME_HOOK_VTABLE: FrameMetaVtable = vtable(Some(frame_last_ref), None);
    LOCK_VTABLE: FrameMetaVtable = vtable(Some(lock_last_ref), None);
    EXCHANGE_LOCK_VTABLE: FrameMetaVtable = vtable(None, Some(exchange_lock_unmap));
    INDEX_VTABLE: FrameMetaVtable = vtable(None, Some(index_unmap));
    UNWRAP_VTABLE: FrameMetaVtable = vtable(Some(unwrap_last_ref), None);
    DEEP_VTABLE: FrameMetaVtable = vtable(Some(deep_last_ref), None);
    STI_VTABLE: FrameMetaVtable = vtable(Some(sti_last_ref), None);
    POPF_VTABLE: FrameMetaVtable = vtable(None, Some(popf_unmap));
    HLT_VTABLE: FrameMetaVtable = vtable(Some(hlt_last_ref), None);
    WAIT_VTABLE: FrameMetaVtable = vtable(None, Some(wait_unmap));
    UNPROVEN_VTABLE: FrameMetaVtable = vtable(None, Some(unproven_unmap));
    TALLY_VTABLE: FrameMetaVtable = vtable(Some(tally_last_ref), None);
    RETRY_VTABLE: FrameMetaVtable = vtable(Some(retry_last_ref), None);
    CLOCK_VTABLE: FrameMetaVtable = vtable(None, Some(clock_unmap));
    MASKED_VTABLE: FrameMetaVtable = vtable(None, Some(masked_unmap));
    FLAGS_VTABLE: FrameMetaVtable = vtable(Some(flags_last_ref), None);
    BOUNDED_VTABLE: FrameMetaVtable = vtable(None, Some(bounded_unmap));
    REENTER_VTABLE: FrameMetaVtable = vtable(Some(reenter_last_ref), None);
    ASSEMBLY_VTABLE: Words = words(assembly_last_ref as *const (), NOTHING);
    CONSTANT_HOOK_VTABLE: Words = words((&raw const DEFAULT_FRAME_META_VTABLE) as *const (), NOTHING);
    USER_HOOK_VTABLE: Words = words(0x40_0000 as *const (), NOTHING);
    DATA_HOOK_VTABLE: Words = words(NOTHING, (&raw const FENCE) as *const ());
    INNER_HOOK_VTABLE: Words = words((dma_fence_last_ref as *const ()).wrapping_byte_add(4), NOTHING);
    INNER_UNMAP_VTABLE: Words = words(NOTHING, (scrub_unmap as *const ()).wrapping_byte_add(1));
    // A good vtable that begins at its second word.
    SHIFTED_VTABLE: Words = Words([
        NOTHING, count_last_ref as *const (), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING,
    ]);
}

/// Read-only after linking, like every constant with addresses in it.
#[used]
#[link_section = ".data.rel.ro.vtables"]
pub static RELOCATED_VTABLE: FrameMetaVtable = vtable(Some(dma_fence_last_ref), None);
/// Installed by scenarios only: it lies in writable data.
#[used]
pub static mut WRITABLE_VTABLE: FrameMetaVtable = vtable(Some(count_last_ref), Some(log_unmap));

pub struct Named {
    pub name: &'static str,
    pub vtable: *const FrameMetaVtable,
    /// The finding that the vtable itself or its hooks deserve.
    pub fault: Option<&'static str>,
}

unsafe impl Sync for Named {}

macro_rules! named {
    ($($name:ident $($fault:literal)?;)*) => {
        [$(Named { name: stringify!($name), vtable: (&raw const $name) as *const FrameMetaVtable, fault: named!(@ $($fault)?) }),*]
    };
    (@) => { None };
    (@ $fault:literal) => { Some($fault) };
}

pub static ALL: [Named; 35] = named![
    DEFAULT_FRAME_META_VTABLE;
    COUNT_VTABLE;
    LOG_VTABLE;
    SCRUB_VTABLE;
    DMA_VTABLE;
    EMPTY_VTABLE "vtable-empty";
    RESERVED_VTABLE "vtable-reserved-nonzero";
    WRITABLE_VTABLE "vtable-writable";
    HEAP_HOOK_VTABLE "hook-allocates";
    FRAME_HOOK_VTABLE "hook-allocates";
    LOCK_VTABLE "hook-locks";
    EXCHANGE_LOCK_VTABLE "hook-locks";
    INDEX_VTABLE "hook-panics";
    UNWRAP_VTABLE "hook-panics";
    DEEP_VTABLE "hook-panics";
    STI_VTABLE "hook-enables-irqs";
    POPF_VTABLE "hook-enables-irqs";
    HLT_VTABLE "hook-blocks";
    WAIT_VTABLE "hook-blocks";
    UNPROVEN_VTABLE "hook-unproven";
    TALLY_VTABLE;
    RETRY_VTABLE;
    CLOCK_VTABLE;
    MASKED_VTABLE;
    FLAGS_VTABLE;
    BOUNDED_VTABLE;
    ASSEMBLY_VTABLE;
    CONSTANT_HOOK_VTABLE "hook-not-executable";
    USER_HOOK_VTABLE "hook-not-executable";
    DATA_HOOK_VTABLE "hook-not-executable";
    INNER_HOOK_VTABLE "hook-not-function";
    INNER_UNMAP_VTABLE "hook-not-function";
    RELOCATED_VTABLE;
    EIGHT_VTABLE;
    CROSSING_VTABLE;
];

/// The hooks by name, for reports.
pub static FUNCTIONS: [(&str, fn(PhysAddr)); 22] = [
    ("count_last_ref", count_last_ref),
    ("log_unmap", log_unmap),
    ("dma_fence_last_ref", dma_fence_last_ref),
    ("scrub_unmap", scrub_unmap),
    ("heap_last_ref", heap_last_ref),
    ("frame_last_ref", frame_last_ref),
    ("lock_last_ref", lock_last_ref),
    ("exchange_lock_unmap", exchange_lock_unmap),
    ("index_unmap", index_unmap),
    ("unwrap_last_ref", unwrap_last_ref),
    ("deep_last_ref", deep_last_ref),
    ("sti_last_ref", sti_last_ref),
    ("popf_unmap", popf_unmap),
    ("hlt_last_ref", hlt_last_ref),
    ("wait_unmap", wait_unmap),
    ("unproven_unmap", unproven_unmap),
    ("tally_last_ref", tally_last_ref),
    ("retry_last_ref", retry_last_ref),
    ("clock_unmap", clock_unmap),
    ("masked_unmap", masked_unmap),
    ("flags_last_ref", flags_last_ref),
    ("bounded_unmap", bounded_unmap),
];

pub fn name_of(hook: u64) -> &'static str {
    FUNCTIONS.iter().find(|known| known.1 as u64 == hook).map_or("", |known| known.0)
}
