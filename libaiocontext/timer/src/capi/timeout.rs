//! `qemu_timeout_ns_to_ms` and `qemu_poll_ns`.

use core::ffi::{c_int, c_uint};

use aio_notify::abi::glib::GPollFD;

use crate::timeout;

/// Converts a timeout for poll(2). It rounds up, so that a loop does not wake before a deadline and
/// find nothing to do.
///
/// # Returns
///
/// ms, at most `INT_MAX`; -1 (infinite) if `ns` is negative.
///
/// # Threads
///
/// Any thread and signal handlers.
#[no_mangle]
pub extern "C" fn qemu_timeout_ns_to_ms(ns: i64) -> c_int {
    timeout::to_ms(ns)
}

/// Polls with a timeout in ns; a negative timeout is infinite.
///
/// # Returns
///
/// The result of poll(2): the number of ready descriptors, 0 after the timeout, or -1.
///
/// # Errors
///
/// -1 with `errno` as in poll(2), such as `EINTR` after a signal.
///
/// # Threads
///
/// Any thread and signal handlers.
///
/// # Safety
///
/// `fds` must point to `nfds` writable descriptors.
#[no_mangle]
pub unsafe extern "C" fn qemu_poll_ns(fds: *mut GPollFD, nfds: c_uint, timeout: i64) -> c_int {
    // SAFETY: the same contract.
    unsafe { timeout::poll(fds, nfds, timeout) }
}
