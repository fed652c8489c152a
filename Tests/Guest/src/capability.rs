//! Names of rights.

/// Identifies a capability; never reused.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CapId(pub u64);
