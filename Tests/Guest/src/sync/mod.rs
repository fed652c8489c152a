//! Locks and one-time initialisation.
pub mod once;
pub mod spinlock;
pub use once::Once;
pub use spinlock::SpinLock;
