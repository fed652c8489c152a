//! Names and states of blocks.
use crate::x86_64::PhysAddr;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BlockHandle {
    pub base: PhysAddr,
    pub order: u8,
}

#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockState {
    BuddyReserved = 0,
    Exclusive = 1,
    Shared = 2,
    Free = 3,
}
