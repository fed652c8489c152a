import Testing

@testable import CallGraph

/// Patterns match paths as people write them, in all forms that demanglers give them.
@Suite struct NamePatternTests {
    @Test(arguments: [
        ("core::panicking::*", "core::panicking::panic_bounds_check"),
        ("core::panicking::*", "core::panicking::panic_nounwind_fmt::runtime"),
        ("memory::buddy::alloc", "strat9_kernel::memory::buddy::alloc"),
        ("__rust_alloc*", "__rustc::__rust_alloc_zeroed"),
        ("__rust_alloc*", "__rust_alloc"),
        ("SpinLock::lock", "strat9_kernel::sync::spinlock::SpinLock<T>::lock"),
        ("SpinLock::lock", "<strat9_kernel::sync::spinlock::SpinLock<u64>>::lock"),
        ("SpinLock*::*lock", "spin::mutex::SpinLockIrq<T>::try_lock"),
        ("GlobalAlloc::*", "<strat9_kernel::memory::heap::Heap as core::alloc::global::GlobalAlloc>::alloc"),
        ("Heap::alloc", "<strat9_kernel::memory::heap::Heap as core::alloc::global::GlobalAlloc>::alloc"),
        ("Vec::push", "alloc::vec::Vec<fn(u8) -> u16, A>::push"),
    ])
    func matches(_ pattern: String, _ name: String) {
        #expect(NamePattern.paths(of: name).contains { NamePattern(pattern).matches($0) })
    }

    @Test(arguments: [
        ("SpinLock::lock", "<kernel::SpinLockGuard<T> as core::ops::drop::Drop>::drop"),
        ("SpinLock::lock", "kernel::SpinLock<T>::lock_state"),
        ("memory::buddy::alloc", "kernel::memory::buddy::alloc_gigabyte"),
        ("memory::buddy::alloc", "kernel::my_memory::buddy::alloc"),
        ("core::panicking::*", "core::panic::location::Location::caller"),
        ("__rust_alloc*", "my__rust_alloc"),
        ("", "anything"),
    ])
    func doesNotMatch(_ pattern: String, _ name: String) {
        #expect(!NamePattern.paths(of: name).contains { NamePattern(pattern).matches($0) })
    }
}
