//! What a poller that is awake leaves to others that sleep on.
//!
//! One poller takes a wakeup. It may then run a long callback, or return to the program and never poll
//! again, while another sleeps on with an earlier timeout. So a poller that takes a wakeup while others
//! sleep arms a timer descriptor in the epoll set before it runs anything of the program's: the timer
//! wakes one of them [`SOON`]. When the poller leaves, it sets the timer for the work that is left, or
//! disarms it.
//!
//! A timer that goes off too early costs a spurious turn, one that goes off too late delays work. So only
//! a poller that leaves may set it to a later time, and not if another has come to rely on it since.

use std::sync::atomic::{
    fence, AtomicBool, AtomicI32, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use aio_notify::ffi::descriptor;
use aio_notify::ffi::time::clock_ns;
use aio_notify::unpoisoned;

use crate::epoll::Epoll;
use crate::timeout::{Timeout, LOOK};
use crate::token::TIMER;

/// How long work may wait for a poller that is awake and does not come to it, in ns.
const SOON: u64 = LOOK.as_nanos() as u64;

/// The timer of a context. Its times are in ns of the monotonic clock.
pub(crate) struct Handover {
    /// The timerfd, or -1: it is made when it is first needed.
    fd: AtomicI32,
    /// When it goes off or has gone off; 0 while it is not set.
    due: AtomicU64,
    /// How often a poller has come to rely on it.
    relied_on: AtomicU32,
    /// Whether a poller that could not wait for `setting` wants it to go off soon.
    wanted: AtomicBool,
    /// Held while it is set.
    setting: Mutex<()>,
}

impl Handover {
    pub(crate) const fn new() -> Self {
        Self {
            fd: AtomicI32::new(-1),
            due: AtomicU64::new(0),
            relied_on: AtomicU32::new(0),
            wanted: AtomicBool::new(false),
            setting: Mutex::new(()),
        }
    }

    /// Whether it may go off.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        // Relaxed: what another poller sets is that one's to take back.
        self.due.load(Relaxed) != 0
    }

    /// Wakes one of those who sleep on the set within 10 ms. For a poller that has taken a wakeup, or
    /// left something for later. Does not wait, so signal handlers may call it. False where there is
    /// no timer to be made.
    pub(crate) fn wake_soon(&self, epoll: &Epoll) -> bool {
        // Pairs with the loads in `set`: a leaver that misses it has not yet taken back what it was
        // about to, and `is_due_by` sees that it does.
        self.relied_on.fetch_add(1, SeqCst);
        if self.is_due_by(now() + SOON) {
            return true;
        }
        // Relaxed: the fence in `answer` orders it.
        self.wanted.store(true, Relaxed);
        self.answer(epoll)
    }

    /// Sets it to soon if a poller wants that, unless another thread holds the lock: that one will. For
    /// a poller that wants it, and for a thread that has released the lock.
    fn answer(&self, epoll: &Epoll) -> bool {
        loop {
            // Between the store to `wanted` and the try, and between the release and the load. Pairs
            // with itself in another thread: either the lock is found free, or its holder sees that the
            // timer is wanted. Without it both may miss the other, and nobody sets the timer.
            fence(SeqCst);
            // Relaxed, here and below: ordered by the fence.
            if !self.wanted.load(Relaxed) {
                return true;
            }
            let _setting = match self.setting.try_lock() {
                Ok(setting) => setting,
                Err(TryLockError::Poisoned(setting)) => setting.into_inner(),
                Err(TryLockError::WouldBlock) => return true,
            };
            let soon = now() + SOON;
            if self.wanted.swap(false, Relaxed)
                && !self.is_due_by(soon)
                && !self.set_to(epoll, soon)
            {
                return false;
            }
        }
    }

    /// Whether it has been set to go off by then. What has gone off stays readable.
    fn is_due_by(&self, limit: u64) -> bool {
        // Pairs with the exchange in `set`; see `wake_soon`.
        let due = self.due.load(SeqCst);
        due != 0 && due <= limit
    }

    /// After the set has reported it, which is a wakeup as well: has it go off again soon, unless it
    /// has been set anew since.
    pub(crate) fn take(&self, epoll: &Epoll) {
        // As in `wake_soon`.
        self.relied_on.fetch_add(1, SeqCst);
        let setting = self.lock();
        let now = now();
        if self.is_due_by(now) {
            self.set_to(epoll, now + SOON);
        }
        drop(setting);
        self.answer(epoll);
    }

    /// Wakes one of those who sleep on the set after the time that `left` says, in ns, negative for
    /// never. For a poller that leaves. False where there is no timer to be made.
    pub(crate) fn set(&self, epoll: &Epoll, left: impl FnOnce() -> i64) -> bool {
        // First: what is left is computed from what those have seen who relied on it by now.
        let relied_on = self.relied_on.load(SeqCst);
        // Without the lock, because it calls the program's clocks.
        let left = u64::try_from(left()).ok();
        if left.is_none() && !self.is_set() {
            return true;
        }
        let setting = self.lock();
        let now = now();
        // Never 0, and never so late that the kernel refuses it.
        let wanted = left.map_or(0, |left| now + left.clamp(1, i64::MAX as u64 / 2));
        // Before the look at `relied_on`: who relies on it later finds it not set.
        let due = self.due.swap(0, SeqCst);
        let wanted = if self.relied_on.load(SeqCst) == relied_on {
            wanted
        } else {
            // That poller may know of more.
            earliest(earliest(wanted, due), now + SOON)
        };
        let done = if wanted == due {
            self.due.store(due, SeqCst);
            true
        } else {
            self.set_to(epoll, wanted)
        };
        drop(setting);
        self.answer(epoll) && done
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        unpoisoned!(self.setting.lock())
    }

    /// Sets it, or with 0 takes it back. With the lock.
    fn set_to(&self, epoll: &Epoll, due: u64) -> bool {
        if self.fd.load(Relaxed) < 0 {
            // SAFETY: takes no pointer.
            let fd = unsafe {
                libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC)
            };
            self.fd.store(fd, Relaxed);
            if fd < 0 || !self.add_to(epoll) {
                self.close();
                return false;
            }
        }
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timeout::After(Duration::from_nanos(due)).timespec().unwrap_or(never);
        let time = libc::itimerspec { it_interval: never, it_value: value };
        let fd = self.fd.load(Relaxed);
        let absolute = libc::TFD_TIMER_ABSTIME;
        // SAFETY: reads the time; the old one is not asked for.
        let result =
            unsafe { libc::timerfd_settime(fd, absolute, &raw const time, std::ptr::null_mut()) };
        // Last: a poller that finds it here relies on it.
        self.due.store(due, SeqCst);
        result == 0
    }

    /// Puts the timer, if there is one, into the set.
    pub(crate) fn add_to(&self, epoll: &Epoll) -> bool {
        let fd = self.fd.load(Relaxed);
        if fd < 0 {
            return true;
        }
        match epoll.add(fd, libc::EPOLLIN as u32, TIMER) {
            Ok(()) => true,
            // Another thread that has replaced the set has added it.
            Err(e) => e.raw_os_error() == Some(libc::EEXIST),
        }
    }

    /// Closes it.
    pub(crate) fn close(&self) {
        let fd = self.fd.swap(-1, Relaxed);
        self.due.store(0, Relaxed);
        descriptor::close(fd);
    }
}

/// The earlier of two times, where 0 is never.
fn earliest(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, time) | (time, 0) => time,
        _ => one.min(other),
    }
}

fn now() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC) as u64
}
