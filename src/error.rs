//! The error of a system call.

use core::ffi::c_int;
use core::fmt;

use errno::Errno;

/// A system call failed with this `errno`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Error(Errno);

impl Error {
    /// What the system call that just failed in this thread left in `errno`.
    #[doc(hidden)]
    pub fn last() -> Self {
        Self(errno::errno())
    }

    /// The error with this `errno`.
    #[doc(hidden)]
    pub fn from_raw_os_error(errno: c_int) -> Self {
        Self(Errno(errno))
    }

    /// The `errno`, a positive number.
    pub fn raw_os_error(self) -> c_int {
        self.0 .0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Error {}

/// Runs `f` and leaves `errno` as it was before. Signal handlers need that.
#[inline]
pub fn preserving_errno<T>(f: impl FnOnce() -> T) -> T {
    let saved = errno::errno();
    let result = f();
    errno::set_errno(saved);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn errno_is_preserved() {
        errno::set_errno(Errno(libc::ENOENT));
        let inside = preserving_errno(|| {
            errno::set_errno(Errno(libc::EAGAIN));
            Error::last().raw_os_error()
        });
        assert_eq!(inside, libc::EAGAIN);
        assert_eq!(errno::errno().0, libc::ENOENT);
    }

    #[test]
    fn an_error_reads_as_the_system_says_it() {
        assert_eq!(Error(Errno(libc::EBADF)).to_string(), "Bad file descriptor");
    }
}
