//! `libaionotify.so` and `libaionotify.a`: the functions of [`aio_notify::capi`], and what a
//! library without the standard library must bring along.

#![no_std]

pub use aio_notify::capi::*;

/// A panic ends the program with its message: no C caller could catch it.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    message::say(format_args!("{info}"));
    // SAFETY: takes nothing and does not return.
    unsafe { libc::abort() }
}
