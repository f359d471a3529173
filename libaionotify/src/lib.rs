//! `libaionotify.so` and `libaionotify.a`: the functions of [`aio_notify::capi`], and what a
//! library without the standard library must bring along.

#![no_std]

pub use aio_notify::capi::*;

use aio_notify::ffi::LIBAIONOTIFY;

/// A panic ends the program with its message: no C caller could catch it.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    // One line, which `info` as a whole is not.
    match info.location() {
        Some(place) => LIBAIONOTIFY.log(format_args!("panicked at {place}: {}", info.message())),
        None => LIBAIONOTIFY.log(format_args!("panicked: {}", info.message())),
    }
    // SAFETY: takes nothing and does not return.
    unsafe { libc::abort() }
}

// core comes compiled for unwinding and names the function that would do it. Link-time
// optimisation drops that; a build without it (debug, cargo-c) needs the name: weak, hidden, and 0,
// which an unwinder takes for "none". Not in our release, where it could only do harm: a program's
// other Rust library would find this name before its own.
#[cfg(all(any(debug_assertions, cargo_c), not(target_vendor = "apple")))]
core::arch::global_asm!(
    ".weak rust_eh_personality",
    ".hidden rust_eh_personality",
    ".set rust_eh_personality, 0",
);
