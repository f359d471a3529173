//! The program's callbacks of a descriptor, and which of them some events run.

use std::ffi::c_void;

use aio_notify::abi::aio::IOHandler;

use crate::report::{READABLE, WRITABLE};

/// What runs for a descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Callbacks {
    pub(crate) io_read: IOHandler,
    pub(crate) io_write: IOHandler,
    pub(crate) opaque: *mut c_void,
}

impl Callbacks {
    /// What to ask epoll for.
    pub(crate) fn events(&self) -> u32 {
        let read = if self.io_read.is_some() { libc::EPOLLIN } else { 0 };
        let write = if self.io_write.is_some() { libc::EPOLLOUT } else { 0 };
        (read | write) as u32
    }
}

/// The read callback, if these events run it.
pub(crate) fn reader(callbacks: &Callbacks, events: u32) -> IOHandler {
    callbacks.io_read.filter(|_| events & READABLE != 0)
}

/// The write callback, if these events run it. A hang-up runs it where there is no read callback:
/// it is reported for as long as the descriptor is watched.
pub(crate) fn writer(callbacks: &Callbacks, events: u32) -> IOHandler {
    let hung_up = if callbacks.io_read.is_none() { libc::EPOLLHUP as u32 } else { 0 };
    callbacks.io_write.filter(|_| events & (WRITABLE | hung_up) != 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    extern "C" fn callback(_: *mut c_void) {}

    /// A handler that reads.
    pub(crate) fn reading() -> Callbacks {
        Callbacks { io_read: Some(callback), io_write: None, opaque: std::ptr::null_mut() }
    }

    #[test]
    fn an_error_runs_both_and_a_hang_up_the_reader() {
        let both = Callbacks { io_write: Some(callback), ..reading() };
        let [hung_up, error] = [libc::EPOLLHUP as u32, libc::EPOLLERR as u32];
        assert!(reader(&both, error).is_some() && writer(&both, error).is_some());
        assert!(reader(&both, hung_up).is_some() && writer(&both, hung_up).is_none());
        let writing = Callbacks { io_read: None, ..both };
        assert!(writer(&writing, hung_up).is_some());
    }
}
