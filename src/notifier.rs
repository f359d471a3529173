//! The protocol for Rust programs: a [`Notifier`] owns its state and its event.

use core::ffi::c_int;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32};
use core::time::Duration;

use crate::descriptor::CLOSED;
use crate::error::preserving_errno;
use crate::event_notifier::NotifierRef;
use crate::protocol::{flag, Words};
use crate::Error;

/// Wakes an event loop that sleeps in `poll`, from any thread or signal handler.
///
/// Share it (in an `Arc` or a `static`) between the loop and the threads that have work for it. See
/// the [crate's example](crate).
pub struct Notifier {
    notify_me: AtomicU32,
    notified: AtomicBool,
    rfd: AtomicI32,
    wfd: AtomicI32,
}

impl Notifier {
    /// Makes a notifier that no loop polls yet.
    ///
    /// # Errors
    ///
    /// Those of `eventfd` (`EMFILE`, `ENFILE`, `ENODEV`, `ENOMEM`), or of `pipe` where there is no
    /// eventfd.
    pub fn new() -> Result<Self, Error> {
        let new = Self {
            notify_me: AtomicU32::new(0),
            notified: AtomicBool::new(false),
            rfd: AtomicI32::new(CLOSED),
            wfd: AtomicI32::new(CLOSED),
        };
        new.event_notifier().init(false)?;
        Ok(new)
    }

    fn event_notifier(&self) -> NotifierRef<'_> {
        NotifierRef::of(&self.rfd, &self.wfd)
    }

    fn words(&self) -> Words<'_> {
        Words { notify_me: &self.notify_me, notified: &self.notified }
    }

    /// Makes the loop look at its work: wakes it if it sleeps or is about to.
    ///
    /// What the caller wrote before is visible to the loop when it looks. Costs one memory barrier
    /// while nobody polls, one `write` otherwise; safe in signal handlers (no lock, no allocation,
    /// `errno` unchanged).
    #[inline]
    pub fn notify(&self) {
        flag::notify(self.words(), || {
            // The notifier owns its descriptors, so a write fails only if other code has closed
            // them; then the loop's `wait` reports it.
            let _ = self.event_notifier().set();
        });
    }

    /// Announces a poll. Look at the work *after* this call, then wait.
    ///
    /// Several threads may poll at once; each holds a [`Polling`] of its own.
    #[must_use = "the announcement ends when the value is dropped"]
    pub fn begin_poll(&self) -> Polling<'_> {
        flag::begin_poll(self.words());
        Polling { notifier: self }
    }

    /// The descriptor to poll for reading. Do not read it: [`Polling::finish`] does.
    pub fn raw_fd(&self) -> c_int {
        self.event_notifier().read_end()
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        preserving_errno(|| self.event_notifier().cleanup());
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier")
            .field("notify_me", &self.notify_me)
            .field("notified", &self.notified)
            .field("fd", &self.raw_fd())
            .finish()
    }
}

/// An announced poll: while it exists, [`Notifier::notify`] makes the notifier's descriptor
/// readable.
#[derive(Debug)]
pub struct Polling<'a> {
    notifier: &'a Notifier,
}

impl Polling<'_> {
    /// Sleeps until a notification comes, `timeout` has passed (rounded up to a millisecond;
    /// `None` waits forever) or a signal handler has run, then accepts the notification.
    ///
    /// It may return without either; look at the work again.
    ///
    /// # Errors
    ///
    /// Those of `poll`, except `EINTR`.
    pub fn wait(self, timeout: Option<Duration>) -> Result<(), Error> {
        let timeout = timeout.map_or(-1, |t| {
            c_int::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
        });
        let mut fd = libc::pollfd { fd: self.notifier.raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `fd` is one `pollfd` that the call may write to.
        let n = unsafe { libc::poll(&raw mut fd, 1, timeout) };
        let result = match n {
            n if n >= 0 => Ok(()),
            _ => match Error::last() {
                e if e.raw_os_error() == libc::EINTR => Ok(()),
                e => Err(e),
            },
        };
        self.finish();
        result
    }

    /// Ends the poll and accepts a notification, for loops that poll
    /// [the descriptor](Notifier::raw_fd) themselves. Call it as soon as poll has returned.
    pub fn finish(self) {
        let notifier = self.notifier;
        drop(self);
        flag::accept(notifier.words(), || {
            // A descriptor that cannot be read cannot be polled either: the loop's `wait` reports it.
            let _ = notifier.event_notifier().test_and_clear();
        });
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        flag::end_poll(self.notifier.words());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering::Relaxed;
    use std::sync::Arc;
    use std::time::Instant;

    fn readable(n: &Notifier) -> bool {
        let mut fd = libc::pollfd { fd: n.raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `fd` is one `pollfd` that the call may write to.
        unsafe { libc::poll(&raw mut fd, 1, 0) == 1 }
    }

    #[test]
    fn notify_with_nobody_polling_leaves_the_event_alone() {
        let n = Notifier::new().unwrap();
        n.notify();
        assert!(!readable(&n));
        assert!(!n.notified.load(Relaxed));
    }

    #[test]
    fn notify_during_a_poll_ends_it_and_is_accepted_once() {
        let n = Notifier::new().unwrap();
        let polling = n.begin_poll();
        n.notify();
        n.notify();
        assert!(readable(&n));
        polling.wait(None).unwrap();
        assert!(!readable(&n));
        assert!(!n.notified.load(Relaxed));
        assert_eq!(n.notify_me.load(Relaxed), 0);
    }

    #[test]
    fn a_dropped_poll_takes_its_announcement_back() {
        let n = Notifier::new().unwrap();
        let first = n.begin_poll();
        let second = n.begin_poll();
        assert_eq!(n.notify_me.load(Relaxed), 4);
        drop(first);
        second.finish();
        assert_eq!(n.notify_me.load(Relaxed), 0);
    }

    #[test]
    fn a_zero_or_huge_timeout_is_taken() {
        let n = Notifier::new().unwrap();
        n.begin_poll().wait(Some(Duration::ZERO)).unwrap();
        let polling = n.begin_poll();
        n.notify();
        polling.wait(Some(Duration::MAX)).unwrap();
    }

    #[test]
    fn no_handover_between_two_threads_is_lost() {
        const ROUNDS: u32 = 20_000;
        const WATCHDOG: Duration = Duration::from_secs(60);
        let n = Arc::new(Notifier::new().unwrap());
        let sent = Arc::new(AtomicU32::new(0));
        let taken = Arc::new(AtomicU32::new(0));
        let sender = std::thread::spawn({
            let (n, sent, taken) = (n.clone(), sent.clone(), taken.clone());
            move || {
                for round in 1..=ROUNDS {
                    sent.store(round, Relaxed);
                    n.notify();
                    while taken.load(Relaxed) < round {
                        std::thread::yield_now();
                    }
                }
            }
        });
        let mut seen = 0;
        while seen < ROUNDS {
            let polling = n.begin_poll();
            if sent.load(Relaxed) == seen {
                // Only a lost wakeup lets the wait time out. A wait that ends early with nothing sent is
                // due to an overtaken notifier: one that was suspended behind its write.
                let started = Instant::now();
                polling.wait(Some(WATCHDOG)).unwrap();
                assert!(
                    sent.load(Relaxed) != seen || started.elapsed() < WATCHDOG,
                    "a wakeup was lost"
                );
            }
            seen = sent.load(Relaxed);
            taken.store(seen, Relaxed);
        }
        sender.join().unwrap();
    }
}
