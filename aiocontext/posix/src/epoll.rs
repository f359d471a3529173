//! An epoll set, by safe functions.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Readable, hung up or in error: what runs a read callback.
pub(crate) const READABLE: u32 = (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// Writable or in error: what runs a write callback.
pub(crate) const WRITABLE: u32 = (libc::EPOLLOUT | libc::EPOLLERR) as u32;

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timeout {
    /// Not at all.
    Now,
    /// At most so long.
    After(Duration),
    /// Until something happens.
    Never,
}

impl Timeout {
    /// From ns, where less than 0 is for ever.
    pub(crate) fn from_ns(ns: i64) -> Self {
        match u64::try_from(ns) {
            Err(_) => Self::Never,
            Ok(0) => Self::Now,
            Ok(ns) => Self::After(Duration::from_nanos(ns)),
        }
    }
}

/// What the set says of one descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// What the descriptor was added with.
    pub(crate) token: u64,
    /// `EPOLLIN` and so on.
    pub(crate) events: u32,
}

/// How many reports one wait has room for. Where more descriptors are ready, the kernel has those
/// that were not reported come first the next time.
const ROOM: usize = 128;

/// Room for the reports of one wait.
pub(crate) struct Reports {
    buffer: [MaybeUninit<libc::epoll_event>; ROOM],
    count: usize,
}

impl Reports {
    pub(crate) fn new() -> Self {
        Self { buffer: [const { MaybeUninit::uninit() }; ROOM], count: 0 }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Report> + '_ {
        self.buffer[..self.count].iter().map(|event| {
            // SAFETY: the kernel has written the first `count`.
            let event = unsafe { event.assume_init_read() };
            Report { token: event.u64, events: event.events }
        })
    }
}

/// An epoll set.
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: opened above, and nobody else knows it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
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
        let result = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &mut event) };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Has this set's descriptor stand for another set from now on.
    pub(crate) fn replace_with(&self, other: Self) -> io::Result<()> {
        // SAFETY: takes no pointer; both are open.
        let result =
            unsafe { libc::dup3(other.fd.as_raw_fd(), self.fd.as_raw_fd(), libc::O_CLOEXEC) };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Waits for reports. A signal ends it without any.
    pub(crate) fn wait(&self, reports: &mut Reports, timeout: Timeout) {
        let room = ROOM as c_int;
        let events = reports.buffer.as_mut_ptr().cast::<libc::epoll_event>();
        let count = match timeout {
            // SAFETY: writes at most `room` events, for which there is room.
            Timeout::Now => unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events, room, 0) },
            // SAFETY: as above.
            Timeout::Never => unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events, room, -1) },
            Timeout::After(time) => self.wait_at_most(events, room, time),
        };
        reports.count = usize::try_from(count).unwrap_or(0);
    }

    /// With a time in ns where the kernel can (Linux 5.11), else by `ppoll`.
    fn wait_at_most(&self, events: *mut libc::epoll_event, room: c_int, time: Duration) -> c_int {
        static LACKS_PWAIT2: AtomicBool = AtomicBool::new(false);
        let limit = libc::timespec {
            // A time that no `time_t` holds is as good as for ever.
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos() as _,
        };
        // Relaxed: at worst the kernel is asked once more.
        if cfg!(target_pointer_width = "64") && !LACKS_PWAIT2.load(Relaxed) {
            // SAFETY: writes at most `room` events, for which there is room, and reads the time.
            let count = unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    self.fd.as_raw_fd(),
                    events,
                    room,
                    &raw const limit,
                    ptr::null::<libc::sigset_t>(),
                    0_usize,
                )
            };
            if count >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS) {
                return count as c_int;
            }
            LACKS_PWAIT2.store(true, Relaxed);
        }
        let mut poll_fd =
            libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: writes to one pollfd, and reads the time.
        if unsafe { libc::ppoll(&raw mut poll_fd, 1, &raw const limit, ptr::null()) } <= 0 {
            return 0;
        }
        // SAFETY: writes at most `room` events, for which there is room.
        unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events, room, 0) }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Whether the number stands for an open file.
pub(crate) fn is_open(fd: RawFd) -> bool {
    // SAFETY: takes no pointer.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}
