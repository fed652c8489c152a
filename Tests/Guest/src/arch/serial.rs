//! COM1, polled for output in bursts of its queue, with an interrupt to wake the reader.
use super::cpu::{in8, out8, out_string};

const PORT: u16 = 0x3f8;

pub fn init() {
    unsafe {
        out8(PORT + 1, 0);
        out8(PORT + 3, 0x80);
        out8(PORT, 1);
        out8(PORT + 1, 0);
        out8(PORT + 3, 3);
        out8(PORT + 2, 0x07);
        out8(PORT + 4, 0x0b);
        out8(PORT + 1, 1);
    }
}

pub fn write(bytes: &[u8]) {
    for burst in bytes.chunks(16) {
        unsafe {
            while in8(PORT + 5) & 0x20 == 0 {
                core::hint::spin_loop();
            }
            out_string(PORT, burst);
        }
    }
}

pub fn read() -> Option<u8> {
    unsafe { if in8(PORT + 5) & 1 != 0 { Some(in8(PORT)) } else { None } }
}
