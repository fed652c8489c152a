//! Address types.

pub use addr::PhysAddr;

pub mod addr {
    /// A guest physical address in bytes.
    #[repr(transparent)]
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
    pub struct PhysAddr(pub u64);
}
