//! How long `aio_poll` waits, as each system call takes it. For GLib, `to_ms` in the timer component
//! (`timer/src/timeout.rs`) rounds.

use std::ffi::c_int;
use std::time::Duration;

/// How long a loop sleeps at most that cannot rely on being woken.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timeout {
    /// Not at all.
    Now,
    /// At most this long.
    After(Duration),
    /// Until something happens.
    Never,
}

impl Timeout {
    /// From ns, where a negative number is infinite.
    pub(crate) fn from_ns(ns: i64) -> Self {
        match u64::try_from(ns) {
            Err(_) => Self::Never,
            Ok(0) => Self::Now,
            Ok(ns) => Self::After(Duration::from_nanos(ns)),
        }
    }

    /// The same, but no longer than this.
    pub(crate) fn at_most(self, limit: Duration) -> Self {
        match self {
            Self::Never => Self::After(limit),
            Self::After(time) => Self::After(time.min(limit)),
            Self::Now => Self::Now,
        }
    }

    /// For `poll`, in ms, rounded up; -1 is infinite.
    pub(crate) fn ms(self) -> c_int {
        match self {
            Self::Now => 0,
            Self::After(time) => {
                c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
            }
            Self::Never => -1,
        }
    }

    /// For `ppoll`; `None` is infinite.
    pub(crate) fn timespec(self) -> Option<libc::timespec> {
        let time = match self {
            Self::Now => Duration::ZERO,
            Self::After(time) => time,
            Self::Never => return None,
        };
        Some(libc::timespec {
            // A time that no `time_t` holds is as long as a machine runs.
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos() as _,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_waits_no_shorter_than_asked_for() {
        let after = |ns| Timeout::from_ns(ns).ms();
        assert_eq!([after(-1), after(0), after(1)], [-1, 0, 1]);
        assert_eq!([after(1_000_000), after(1_000_001)], [1, 2]);
        assert_eq!(after(i64::MAX), c_int::MAX);
    }
}
