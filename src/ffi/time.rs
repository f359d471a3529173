//! The system's clocks.

/// The time of a clock that every system has, in ns.
#[inline]
pub fn clock_ns(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` may be written. It does not fail for such a clock.
    unsafe { libc::clock_gettime(clock, &mut time) };
    #[allow(clippy::useless_conversion)] // Narrower on 32-bit machines.
    (i64::from(time.tv_sec) * 1_000_000_000 + i64::from(time.tv_nsec))
}
