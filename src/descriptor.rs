//! The system calls behind an event: opening, setting, emptying, closing.
//!
//! Descriptors are plain numbers here, because C code owns them and may hand in any.
//!
//! On Linux writing, reading and closing are raw system calls: libc's functions are cancellation
//! points, and a thread that is cancelled in `aio_notify` would leave its wakeup undelivered.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;

use crate::Error;

/// A descriptor that is not open.
pub const CLOSED: c_int = -1;

/// The two ends of an event; equal for an eventfd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// The end to poll and to read.
    pub read: c_int,
    /// The end to write to.
    pub write: c_int,
}

/// Opens an empty event, non-blocking and close-on-exec. Leaves nothing open on failure.
pub fn open() -> Result<Ends, Error> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match open_eventfd() {
        // Old kernels and sandboxes without eventfd: the pipe will do.
        Err(e) if e.raw_os_error() == libc::ENOSYS => {}
        result => return result,
    }
    open_pipe()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_eventfd() -> Result<Ends, Error> {
    // SAFETY: takes numbers only.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(Error::last());
    }
    Ok(Ends { read: fd, write: fd })
}

/// `pipe2` where there is one, so that no fork in between inherits the descriptors.
#[cfg(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
))]
fn open_pipe() -> Result<Ends, Error> {
    let mut fds = [CLOSED; 2];
    // SAFETY: `fds` has room for the two descriptors that the call writes.
    if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } < 0 {
        return Err(Error::last());
    }
    Ok(Ends { read: fds[0], write: fds[1] })
}

#[cfg(not(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
)))]
fn open_pipe() -> Result<Ends, Error> {
    let mut fds = [CLOSED; 2];
    // SAFETY: `fds` has room for the two descriptors that the call writes.
    if unsafe { libc::pipe(fds.as_mut_ptr()) } < 0 {
        return Err(Error::last());
    }
    for fd in fds {
        // SAFETY: takes numbers only.
        let set = |command, flag| unsafe { libc::fcntl(fd, command, flag) };
        if set(libc::F_SETFD, libc::FD_CLOEXEC) < 0 || set(libc::F_SETFL, libc::O_NONBLOCK) < 0 {
            let e = Error::last();
            close(fds[0]);
            close(fds[1]);
            return Err(e);
        }
    }
    Ok(Ends { read: fds[0], write: fds[1] })
}

/// Adds 1 to an eventfd, or 8 bytes to a pipe. One that is full already stays full: success.
/// Leaves `errno` alone.
pub fn set(fd: c_int) -> Result<(), Error> {
    let saved = errno::errno();
    if write_one(fd) {
        // A call that succeeds does not touch `errno`.
        return Ok(());
    }
    let result = loop {
        match Error::last() {
            e if e.raw_os_error() == libc::EAGAIN => break Ok(()),
            e if e.raw_os_error() != libc::EINTR => break Err(e),
            _ if write_one(fd) => break Ok(()),
            _ => {}
        }
    };
    errno::set_errno(saved);
    result
}

/// Writes what both kinds of descriptor take for one notification. Returns whether it could.
#[inline]
fn write_one(fd: c_int) -> bool {
    write_some(fd, &1_u64.to_ne_bytes())
}

/// Writes bytes. Returns whether it could.
#[inline]
pub(crate) fn write_some(fd: c_int, text: &[u8]) -> bool {
    let bytes = text.as_ptr().cast::<c_void>();
    // SAFETY: reads the bytes; any descriptor is allowed, a bad one is an error.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let n = unsafe { libc::syscall(libc::SYS_write, fd, bytes, text.len()) };
    // SAFETY: as above.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let n = unsafe { libc::write(fd, bytes, text.len()) };
    n >= 0
}

/// Reads into the buffer; returns how many bytes, or -1 with `errno`.
#[inline]
fn read_some(fd: c_int, buffer: &mut [MaybeUninit<u8>]) -> isize {
    let bytes = buffer.as_mut_ptr().cast::<c_void>();
    // SAFETY: writes at most `buffer.len()` bytes to `buffer`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let n = unsafe { libc::syscall(libc::SYS_read, fd, bytes, buffer.len()) };
    // SAFETY: as above.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let n = unsafe { libc::read(fd, bytes, buffer.len()) };
    n as isize
}

/// Reads until nothing is left. Returns whether anything was there. Leaves `errno` alone.
pub fn test_and_clear(fd: c_int) -> Result<bool, Error> {
    // An eventfd gives its 8 bytes at once. A pipe holds 8 for each notification; 512 at a time
    // is what the reference reads.
    let mut buffer = [MaybeUninit::<u8>::uninit(); 512];
    let saved = errno::errno();
    let mut found = false;
    loop {
        let n = read_some(fd, &mut buffer);
        if n < 0 {
            let e = Error::last();
            // A call that succeeds does not touch `errno`, so it is put back here alone.
            errno::set_errno(saved);
            match e.raw_os_error() {
                libc::EINTR => continue,
                libc::EAGAIN => return Ok(found),
                _ => return Err(e),
            }
        }
        found |= n > 0;
        if n.unsigned_abs() < buffer.len() {
            return Ok(found);
        }
    }
}

/// Closes a descriptor; a negative one stands for none.
pub fn close(fd: c_int) {
    if fd >= 0 {
        // SAFETY: the caller owns `fd` and gives it up. No retry: on EINTR it is closed already.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        unsafe {
            libc::syscall(libc::SYS_close, fd)
        };
        // SAFETY: as above.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        unsafe {
            libc::close(fd)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> [Ends; 2] {
        [open().unwrap(), open_pipe().unwrap()]
    }

    fn shut(ends: Ends) {
        close(ends.read);
        if ends.write != ends.read {
            close(ends.write);
        }
    }

    #[test]
    fn an_event_starts_empty_and_is_emptied_by_one_call() {
        for ends in events() {
            assert_eq!(test_and_clear(ends.read), Ok(false));
            for _ in 0..1000 {
                set(ends.write).unwrap();
            }
            assert_eq!(test_and_clear(ends.read), Ok(true));
            assert_eq!(test_and_clear(ends.read), Ok(false));
            shut(ends);
        }
    }

    #[test]
    fn a_full_pipe_counts_as_set() {
        let ends = open_pipe().unwrap();
        // More than any default pipe buffer (64 KiB) holds.
        for _ in 0..20_000 {
            set(ends.write).unwrap();
        }
        assert_eq!(test_and_clear(ends.read), Ok(true));
        assert_eq!(test_and_clear(ends.read), Ok(false));
        shut(ends);
    }

    #[test]
    fn a_bad_descriptor_is_an_error() {
        assert_eq!(set(CLOSED).unwrap_err().raw_os_error(), libc::EBADF);
        assert_eq!(test_and_clear(CLOSED).unwrap_err().raw_os_error(), libc::EBADF);
    }
}
