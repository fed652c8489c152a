//! A value that is set once, with a status word that says whether it is there.
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, Ordering};

pub const INCOMPLETE: u8 = 0;
pub const RUNNING: u8 = 1;
pub const COMPLETE: u8 = 2;

pub struct Once<T> {
    status: AtomicU8,
    data: UnsafeCell<MaybeUninit<T>>,
}

unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    pub const fn new() -> Self {
        Once { status: AtomicU8::new(INCOMPLETE), data: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Sets the value on the first call; later calls change nothing.
    pub fn set(&self, value: T) {
        if self.status.compare_exchange(INCOMPLETE, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            unsafe { (*self.data.get()).write(value) };
            self.status.store(COMPLETE, Ordering::Release);
        }
    }

    pub fn get(&self) -> &T {
        assert!(self.status.load(Ordering::Acquire) == COMPLETE, "used before it was initialised");
        unsafe { (*self.data.get()).assume_init_ref() }
    }
}
