//! The calling thread.

use core::ffi::c_int;

/// `PTHREAD_CANCEL_DISABLE`: its number is 1 in glibc and musl, and 0 elsewhere.
pub const CANCEL_DISABLE: c_int =
    if cfg!(any(target_os = "linux", target_os = "android")) { 1 } else { 0 };

/// The calling thread.
#[inline]
pub fn this_thread() -> libc::pthread_t {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::pthread_self() }
}

/// Sets whether the calling thread can be cancelled; returns the state before.
pub fn set_cancel_state(state: c_int) -> c_int {
    extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    let mut before = 0;
    // SAFETY: a state, and a place for the one before.
    unsafe { pthread_setcancelstate(state, &mut before) };
    before
}
