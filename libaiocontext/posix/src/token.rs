//! What epoll is given with each descriptor, and returns in its reports.

use std::ffi::c_int;

/// The token of the loop's own event: no descriptor has this number.
pub(crate) const EVENT: u64 = u64::MAX;
/// The token of the timer for work that is left for later.
pub(crate) const TIMER: u64 = u64::MAX - 1;
/// The token by which a set that has been replaced wakes those who sleep on it.
pub(crate) const REPLACED: u64 = u64::MAX - 2;

/// Which handler of which number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) fd: c_int,
    pub(crate) id: u32,
}

impl Token {
    /// For epoll.
    pub(crate) fn to_u64(self) -> u64 {
        u64::from(self.fd as u32) | u64::from(self.id) << 32
    }

    pub(crate) fn from_u64(token: u64) -> Self {
        Self { fd: token as u32 as c_int, id: (token >> 32) as u32 }
    }
}
