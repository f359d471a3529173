//! An epoll set, with safe functions.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::time::Duration;

use aio_notify::ffi::descriptor;
use aiocontext_wake::new_file;

use crate::ppoll::{poll, poll_fd, result};
use crate::report::{Report, READABLE};
use crate::timeout::Timeout;

/// How many reports one wait has room for. If more descriptors are ready, the kernel reports the
/// others first the next time.
const ROOM: usize = 128;

/// Room for the reports of one wait.
pub(crate) struct Reports {
    buffer: [MaybeUninit<libc::epoll_event>; ROOM],
    count: usize,
}

impl Reports {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { buffer: [const { MaybeUninit::uninit() }; ROOM], count: 0 }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Report> + '_ {
        self.buffer[..self.count].iter().map(|event| {
            // SAFETY: the kernel has written the first `count`.
            let event = unsafe { event.assume_init_read() };
            Report { token: event.u64, events: event.events }
        })
    }
}

/// An epoll set, which is always under the same number; or none.
pub(crate) struct Epoll {
    /// Relaxed throughout: it changes only where the set is lost, or comes back.
    fd: AtomicI32,
}

fn create() -> io::Result<RawFd> {
    // SAFETY: takes no pointer.
    result(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { fd: AtomicI32::new(create()?) })
    }

    pub(crate) fn add(&self, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, events, token)
    }

    pub(crate) fn modify(&self, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, events, token)
    }

    pub(crate) fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    fn control(&self, operation: c_int, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: reads the event, which lives until the call returns.
        result(unsafe { libc::epoll_ctl(self.fd(), operation, fd, &mut event) }).map(drop)
    }

    /// The set of this number as it is now, under another number.
    pub(crate) fn duplicate(&self) -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let copy = result(unsafe { libc::fcntl(self.fd(), libc::F_DUPFD_CLOEXEC, 0) })?;
        Ok(Self { fd: AtomicI32::new(copy) })
    }

    /// Puts another set under this set's number.
    pub(crate) fn replace_with(&self, other: Self) -> io::Result<()> {
        if self.fd() < 0 {
            self.fd.store(other.fd.swap(-1, Relaxed), Relaxed);
            return Ok(());
        }
        // SAFETY: takes no pointer; both are open.
        result(unsafe { libc::dup3(other.fd(), self.fd(), libc::O_CLOEXEC) }).map(drop)
    }

    /// In a child process: puts an empty set of its own under the same number. If it cannot make one,
    /// there is no set, and the parent's is not used any more.
    pub(crate) fn renew(&self) -> io::Result<()> {
        if self.fd() < 0 {
            self.fd.store(create()?, Relaxed);
            return Ok(());
        }
        let made = new_file::number(self.fd(), || create().map_err(|_| aio_notify::Error::last()));
        made.map_err(|e| {
            self.fd.store(-1, Relaxed);
            io::Error::from_raw_os_error(e.raw_os_error())
        })
    }

    /// Waits for reports. A signal ends it without any.
    #[inline]
    pub(crate) fn wait(&self, reports: &mut Reports, timeout: Timeout) -> io::Result<()> {
        let room = ROOM as c_int;
        let events = reports.buffer.as_mut_ptr().cast::<libc::epoll_event>();
        let count = match timeout {
            Timeout::Now => self.look(events, room),
            Timeout::Never => self.wait_ms(events, room, -1),
            Timeout::After(_) => match self.wait_at_most(events, room, timeout) {
                Some(count) => count,
                None => self.wait_by_ms(events, room, timeout)?,
            },
        };
        match result(count) {
            Ok(count) => reports.count = count as usize,
            Err(e) if e.raw_os_error() == Some(libc::EINTR) => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// With a time in ns, where the kernel can (Linux 5.11) and may.
    fn wait_at_most(
        &self,
        events: *mut libc::epoll_event,
        room: c_int,
        timeout: Timeout,
    ) -> Option<c_int> {
        static LACKS_PWAIT2: AtomicBool = AtomicBool::new(false);
        // Relaxed: at worst the kernel is asked once more.
        if cfg!(not(target_pointer_width = "64")) || LACKS_PWAIT2.load(Relaxed) {
            return None;
        }
        let limit = timeout.timespec()?;
        // SAFETY: writes at most `room` events, for which there is room, and reads the time.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd(),
                events,
                room,
                &raw const limit,
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        } as c_int;
        let error = io::Error::last_os_error().raw_os_error();
        if count >= 0 || error == Some(libc::EINTR) {
            return Some(count);
        }
        // Whatever the reason: old kernels do not have the call (`ENOSYS`), and profiles of containers
        // refuse it (`EPERM`).
        LACKS_PWAIT2.store(true, Relaxed);
        None
    }

    /// With a time in ms; -1 is infinite.
    #[inline]
    fn wait_ms(&self, events: *mut libc::epoll_event, room: c_int, ms: c_int) -> c_int {
        // SAFETY: writes at most `room` events, for which there is room.
        unsafe { libc::epoll_wait(self.fd(), events, room, ms) }
    }

    /// With a time in ms, and `ppoll` for the remainder: only during that could it miss that the set is
    /// replaced.
    fn wait_by_ms(
        &self,
        events: *mut libc::epoll_event,
        room: c_int,
        timeout: Timeout,
    ) -> io::Result<c_int> {
        let Timeout::After(time) = timeout else { return Ok(0) };
        let ms = c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX);
        if ms > 0 {
            let count = self.wait_ms(events, room, ms);
            if count != 0 {
                return Ok(count);
            }
        }
        let rest = Timeout::After(time.saturating_sub(Duration::from_millis(ms as u64)));
        poll(&mut [poll_fd(self.fd(), READABLE)], rest)?;
        Ok(self.look(events, room))
    }

    /// Without waiting. A raw system call, which is no cancellation point: the caller may hold locks.
    #[inline]
    fn look(&self, events: *mut libc::epoll_event, room: c_int) -> c_int {
        let mask = ptr::null::<libc::sigset_t>();
        // SAFETY: writes at most `room` events, for which there is room.
        unsafe {
            libc::syscall(libc::SYS_epoll_pwait, self.fd(), events, room, 0, mask, 8_usize) as c_int
        }
    }

    #[inline]
    pub(crate) fn fd(&self) -> RawFd {
        self.fd.load(Relaxed)
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        descriptor::close(self.fd());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_on_no_set_fails() {
        let none = Epoll { fd: AtomicI32::new(-1) };
        for timeout in [Timeout::Now, Timeout::After(Duration::from_secs(3600)), Timeout::Never] {
            let error = none.wait(&mut Reports::new(), timeout).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        }
    }
}
