//! Symbols that prebuilt `core` and `alloc` ask for, and the panic handler.
use core::fmt::Write;
use core::panic::PanicInfo;

#[no_mangle]
extern "C" fn rust_eh_personality() {}

#[no_mangle]
extern "C" fn _Unwind_Resume() -> ! {
    crate::arch::cpu::halt_forever()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    crate::arch::cpu::disable_interrupts();
    let mut out = crate::json::Out::new();
    out.raw("\n{\"panic\":\"");
    struct Escaped<'a>(&'a mut crate::json::Out);
    impl Write for Escaped<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.escaped(text);
            Ok(())
        }
    }
    let _ = write!(Escaped(&mut out), "{}", info);
    out.raw("\"}\n");
    drop(out);
    crate::arch::cpu::exit_debug(0x31);
    crate::arch::cpu::halt_forever()
}
