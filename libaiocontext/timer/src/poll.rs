//! Timeouts in nanoseconds.

use core::ffi::{c_int, c_uint};

use aio_notify::abi::glib::GPollFD;
use aio_notify::abi::timer::SCALE_MS;

// `GPollFD` is `struct pollfd`.
const _: () = assert!(size_of::<GPollFD>() == size_of::<libc::pollfd>());
const _: () = assert!(align_of::<GPollFD>() == align_of::<libc::pollfd>());

/// Converts a timeout for poll(2). It is rounded up, so that a loop does not wake before a deadline
/// and find nothing to do.
///
/// # Returns
///
/// ms, at most `INT_MAX`; -1, for infinite, if `ns` is negative.
///
/// # Threads
///
/// Any thread and signal handlers.
#[no_mangle]
pub extern "C" fn qemu_timeout_ns_to_ms(ns: i64) -> c_int {
    let scale = i64::from(SCALE_MS);
    if ns < 0 {
        return -1;
    }
    let ms = ns / scale + i64::from(ns % scale != 0);
    c_int::try_from(ms).unwrap_or(c_int::MAX)
}

/// Polls with a timeout in ns; a negative one is infinite.
///
/// # Returns
///
/// What poll(2) returns: how many descriptors are ready, 0 after the timeout, or -1.
///
/// # Errors
///
/// -1 with `errno` as poll(2) says, such as `EINTR` after a signal.
///
/// # Threads
///
/// Any thread and signal handlers.
///
/// # Safety
///
/// `fds` must point to `nfds` descriptors, which may be written.
#[no_mangle]
pub unsafe extern "C" fn qemu_poll_ns(fds: *mut GPollFD, nfds: c_uint, timeout: i64) -> c_int {
    let fds = fds.cast::<libc::pollfd>();
    #[cfg(not(target_vendor = "apple"))]
    {
        let timeout = (timeout >= 0).then(|| timespec(timeout));
        let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        // SAFETY: the caller's descriptors; the timeout is NULL or lives until the call returns.
        unsafe { libc::ppoll(fds, nfds.into(), timeout, core::ptr::null()) }
    }
    // Darwin has no ppoll.
    #[cfg(target_vendor = "apple")]
    // SAFETY: the caller's descriptors.
    unsafe {
        libc::poll(fds, nfds, qemu_timeout_ns_to_ms(timeout))
    }
}

#[cfg(not(target_vendor = "apple"))]
fn timespec(ns: i64) -> libc::timespec {
    const SECOND: i64 = 1_000_000_000;
    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion)]
    libc::timespec {
        // Narrower on some 32-bit machines: then 68 years, which nobody waits for.
        tv_sec: (ns / SECOND).try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: (ns % SECOND).try_into().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_up() {
        for (ns, ms) in [
            (-1, -1),
            (i64::MIN, -1),
            (0, 0),
            (1, 1),
            (999_999, 1),
            (1_000_000, 1),
            (1_000_001, 2),
            (2_147_483_646_000_000, c_int::MAX - 1),
            (2_147_483_647_000_000, c_int::MAX),
            (i64::MAX, c_int::MAX),
        ] {
            assert_eq!(qemu_timeout_ns_to_ms(ns), ms, "{ns}");
        }
    }
}
