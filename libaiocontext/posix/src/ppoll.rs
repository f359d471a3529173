//! `ppoll`, by a safe function.

use std::ffi::c_int;
use std::io;
use std::os::fd::RawFd;
use std::ptr;

use crate::timeout::Timeout;

/// What a system call has returned, or the `errno` that it has left.
pub(crate) fn result(returned: c_int) -> io::Result<c_int> {
    if returned < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// What `poll` takes for a descriptor. The flags of poll and epoll are the same numbers.
pub(crate) fn poll_fd(fd: RawFd, events: u32) -> libc::pollfd {
    libc::pollfd { fd, events: events as i16 & (libc::POLLIN | libc::POLLOUT), revents: 0 }
}

/// Polls descriptors. A signal ends it without any.
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout: Timeout) -> io::Result<()> {
    let limit = timeout.timespec();
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    let count = fds.len() as libc::nfds_t;
    // SAFETY: writes to the descriptors, and reads the time, which lives until the call returns.
    let mut found = result(unsafe { libc::ppoll(fds.as_mut_ptr(), count, limit, ptr::null()) });
    if found.as_ref().is_err_and(|e| e.raw_os_error() != Some(libc::EINTR)) {
        // What refuses one of the two may allow the other.
        // SAFETY: writes to the descriptors.
        found = result(unsafe { libc::poll(fds.as_mut_ptr(), count, timeout.ms()) });
    }
    match found {
        Ok(_) => Ok(()),
        Err(e) => {
            for fd in fds {
                fd.revents = 0;
            }
            if e.raw_os_error() == Some(libc::EINTR) {
                Ok(())
            } else {
                Err(e)
            }
        }
    }
}
