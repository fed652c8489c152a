//! The processor and the few devices the kernel needs.
pub mod apic;
pub mod cpu;
pub mod interrupts;
pub mod serial;
pub mod smp;
