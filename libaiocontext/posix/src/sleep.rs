//! Sleeping until a descriptor is ready: on the epoll set, or where that is not enough by `ppoll`.

use std::ffi::c_int;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::epoll::Reports;
use crate::ppoll::{poll, poll_fd};
use crate::report::{Report, READABLE};
use crate::timeout::{Timeout, LOOK};
use crate::token::EVENT;
use crate::watch::{drop_closed, Watch};
use crate::LIBRARY;

/// What a wait has found.
pub(crate) struct Found {
    reports: Reports,
    /// What is not in the set.
    beside: Vec<Report>,
    kicked: bool,
}

impl Found {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { reports: Reports::new(), beside: Vec::new(), kicked: false }
    }

    /// Whether the event that gets an owner of the lock out of here is full.
    pub(crate) fn is_kicked(&self) -> bool {
        self.kicked
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Report> + '_ {
        self.reports.iter().chain(self.beside.iter().copied())
    }
}

impl Watch {
    /// Waits for reports, for which `found` has room; also for `kick` to be readable.
    #[inline]
    pub(crate) fn wait(&self, found: &mut Found, timeout: Timeout, kick: Option<c_int>) {
        let timeout = if self.is_ready() { Timeout::Now } else { timeout };
        let result = if kick.is_none() && self.is_in_set() {
            self.epoll.wait(&mut found.reports, timeout)
        } else {
            self.wait_beside(found, timeout, kick)
        };
        if let Err(e) = result {
            self.cannot_wait(&e, timeout);
            // It may be full.
            found.beside.push(Report { token: EVENT, events: READABLE });
        }
    }

    /// Polls the set and what is not in it.
    fn wait_beside(
        &self,
        found: &mut Found,
        timeout: Timeout,
        kick: Option<c_int>,
    ) -> io::Result<()> {
        let mut handlers = self.lock();
        if self.setless.load(Relaxed) {
            self.renew(&mut handlers);
        }
        let setless = self.setless.load(Relaxed);
        let to_poll = handlers.to_poll(setless);
        self.unlock(handlers);
        let first = if setless { self.event() } else { self.epoll.fd() };
        let mut fds = vec![poll_fd(first, READABLE), poll_fd(kick.unwrap_or(-1), READABLE)];
        fds.extend(to_poll.iter().map(|&(token, events)| poll_fd(token.fd, events)));
        // What is registered meanwhile wakes one of the sleepers, and the others do not poll it; nor do
        // they poll a set that replaces this one.
        let timeout = if to_poll.is_empty() && !setless { timeout } else { timeout.at_most(LOOK) };
        poll(&mut fds, timeout)?;
        found.kicked = fds[1].revents != 0;
        let mut closed = false;
        for ((token, _), fd) in to_poll.iter().zip(&fds[2..]) {
            closed |= fd.revents & libc::POLLNVAL != 0;
            let events = (fd.revents & !libc::POLLNVAL) as u32;
            if events != 0 {
                found.beside.push(Report { token: token.to_u64(), events });
            }
        }
        if closed {
            let mut handlers = self.lock();
            drop_closed(&mut handlers);
            self.unlock(handlers);
        }
        if fds[0].revents == 0 {
            Ok(())
        } else if setless {
            found.beside.push(Report { token: EVENT, events: READABLE });
            Ok(())
        } else {
            self.epoll.wait(&mut found.reports, Timeout::Now)
        }
    }

    /// A wait has failed: from now on the loop does without the set, until it can make a new one.
    /// It sleeps for a while, so that it does not busy-loop if everything fails.
    #[cold]
    fn cannot_wait(&self, e: &io::Error, timeout: Timeout) {
        static SAID: AtomicBool = AtomicBool::new(false);
        let code = e.raw_os_error().unwrap_or_default();
        LIBRARY
            .log_once(&SAID, format_args!("aio_poll: cannot wait for descriptors, errno {code}"));
        self.setless.store(true, Relaxed);
        if let Some(time) = timeout.at_most(LOOK).timespec() {
            // SAFETY: reads the time; the rest of it is not asked for.
            unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
        }
    }
}
