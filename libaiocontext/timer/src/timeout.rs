//! Timeouts in nanoseconds.

use core::ffi::{c_int, c_uint};

use aio_notify::abi::glib::GPollFD;
use aio_notify::abi::timer::SCALE_MS;

// `GPollFD` is `struct pollfd`.
const _: () = assert!(size_of::<GPollFD>() == size_of::<libc::pollfd>());
const _: () = assert!(align_of::<GPollFD>() == align_of::<libc::pollfd>());

/// The smaller of two timeouts, of which -1 is infinite.
#[inline]
#[allow(clippy::cast_sign_loss)] // -1 becomes the largest.
pub(crate) fn soonest(a: i64, b: i64) -> i64 {
    if (a as u64) < (b as u64) {
        a
    } else {
        b
    }
}

/// The timeout in ms for poll(2), rounded up; -1, for infinite, if it is negative.
#[inline]
pub(crate) fn to_ms(ns: i64) -> c_int {
    let scale = i64::from(SCALE_MS);
    if ns < 0 {
        return -1;
    }
    let ms = ns / scale + i64::from(ns % scale != 0);
    c_int::try_from(ms).unwrap_or(c_int::MAX)
}

/// Polls with a timeout in ns; a negative one is infinite.
///
/// # Safety
///
/// `fds` points to `nfds` descriptors, which may be written.
#[inline]
pub(crate) unsafe fn poll(fds: *mut GPollFD, nfds: c_uint, timeout: i64) -> c_int {
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
        libc::poll(fds, nfds, to_ms(timeout))
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
            assert_eq!(to_ms(ns), ms, "{ns}");
        }
    }
}
