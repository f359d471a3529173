//! The handlers of a context together with its epoll set: what this component keeps for a context.

use std::ffi::c_int;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aio_notify::abi::glib::GPollFD;
use aio_notify::shared::message::say;

use crate::epoll::{is_open, Epoll, Reports, Timeout};
use crate::fork;
use crate::handlers::{Callbacks, Handlers, Reported, Token};
use crate::LIBRARY;

/// A context's descriptors.
pub(crate) struct Watch {
    epoll: Epoll,
    /// The set's own descriptor for the GSource; GLib writes to it.
    pub(crate) poll_fd: *mut GPollFD,
    handlers: Mutex<Handlers>,
    /// The context's own notifier with the library's own handler, or -1: it has no entry among the
    /// handlers, for nothing is run for it.
    notifier: AtomicU32,
    /// How many handlers there are; for a look without the lock.
    watched: AtomicUsize,
    /// How many of them are ready in every poll, or have been reported and have not run yet.
    ready: AtomicUsize,
    /// The process that the set is of.
    process: AtomicU32,
}

/// The token of the context's own notifier: no descriptor has this number.
const NOTIFIER: u64 = u64::MAX;
const NONE: u32 = u32::MAX;

/// What a wait has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Handlers at most.
    Handlers,
    /// Also that the context's own notifier is readable.
    Notification,
}

impl Watch {
    pub(crate) fn new() -> io::Result<Self> {
        fork::watch();
        let epoll = Epoll::new()?;
        let poll_fd = GPollFD { fd: epoll.fd(), events: libc::POLLIN as u16, revents: 0 };
        Ok(Self {
            epoll,
            poll_fd: Box::into_raw(Box::new(poll_fd)),
            handlers: Mutex::new(Handlers::default()),
            notifier: AtomicU32::new(NONE),
            watched: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            process: AtomicU32::new(fork::generation()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Handlers> {
        // Nothing panics with it.
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.process.load(Relaxed) != fork::generation() {
            // A child: its parent's set is left alone.
            self.process.store(fork::generation(), Relaxed);
            self.renew(&mut handlers);
        }
        handlers
    }

    fn unlock(&self, handlers: MutexGuard<'_, Handlers>) {
        // Relaxed: whoever changes handlers notifies the loop, which then looks again.
        self.watched.store(handlers.len(), Relaxed);
        self.ready.store(handlers.always() + handlers.ready(), Relaxed);
    }

    /// Whether there is any handler.
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.load(Relaxed) == 0
    }

    /// Whether a handler can run without a wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) != 0
    }

    /// Watches the context's own notifier, whose events [`Self::wait`] reports by themselves.
    pub(crate) fn set_notifier(&self, fd: c_int) -> io::Result<()> {
        let handlers = self.lock();
        let result = self.epoll.add(fd, libc::EPOLLIN as u32, NOTIFIER);
        self.notifier.store(fd as u32, Relaxed);
        self.unlock(handlers);
        result
    }

    /// Takes it away again; false if it was not watched.
    pub(crate) fn remove_notifier(&self) -> bool {
        let handlers = self.lock();
        let fd = self.notifier.swap(NONE, Relaxed);
        if fd != NONE {
            // Closed already, and so not in the set any more: as good.
            let _ = self.epoll.remove(fd as c_int);
        }
        self.unlock(handlers);
        fd != NONE
    }

    /// Sets or replaces the callbacks of a descriptor.
    pub(crate) fn set(&self, fd: c_int, callbacks: Callbacks) {
        let mut handlers = self.lock();
        match handlers.replace(fd, callbacks) {
            Some(token) => self.modify(&mut handlers, token, callbacks.events()),
            None => {
                let token = handlers.insert(fd, callbacks);
                self.add(&mut handlers, token, callbacks.events());
            }
        }
        self.unlock(handlers);
    }

    fn add(&self, handlers: &mut Handlers, token: Token, events: u32) {
        let mut result = self.epoll.add(token.fd, events, token.to_u64());
        if errno(&result) == Some(libc::EEXIST) {
            // Left from a descriptor that was closed while a copy of it stayed open, and has come
            // back to its number.
            result = self.epoll.modify(token.fd, events, token.to_u64());
        }
        self.added(handlers, token, &result);
    }

    fn added(&self, handlers: &mut Handlers, token: Token, result: &io::Result<()>) {
        match errno(result) {
            None => handlers.set_always(token.fd, false),
            // What cannot be waited for, such as a regular file.
            Some(libc::EPERM) => handlers.set_always(token.fd, true),
            Some(libc::EBADF) => {
                handlers.remove(token.fd);
                say(
                    LIBRARY,
                    format_args!(
                        "aio_set_fd_handler: descriptor {} is not open; its handler is dropped",
                        token.fd
                    ),
                );
            }
            // No memory, or too many watches for the user: polling it all the time is better than
            // never.
            Some(code) => {
                handlers.set_always(token.fd, true);
                say(
                    LIBRARY,
                    format_args!(
                        "aio_set_fd_handler: cannot watch descriptor {}, errno {code}; its handler \
                         runs all the time",
                        token.fd
                    ),
                );
            }
        }
    }

    fn modify(&self, handlers: &mut Handlers, token: Token, events: u32) {
        if handlers.is_always(token.fd) {
            // The number may stand for another file by now.
            self.add(handlers, token, events);
            return;
        }
        let result = self.epoll.modify(token.fd, events, token.to_u64());
        if matches!(errno(&result), Some(libc::ENOENT | libc::EBADF)) {
            if is_open(token.fd) {
                closed_while_watched(token.fd);
            }
            // Whatever the number stood for may still be reported, through a copy of it.
            self.renew(handlers);
        }
    }

    /// Removes the callbacks of a descriptor; false if it has none.
    pub(crate) fn remove(&self, fd: c_int) -> bool {
        let mut handlers = self.lock();
        let always = handlers.is_always(fd);
        let removed = handlers.remove(fd);
        if removed && !always && self.epoll.remove(fd).is_err() {
            closed_while_watched(fd);
            self.renew(&mut handlers);
        }
        self.unlock(handlers);
        removed
    }

    /// Makes a new set of all handlers, in the place of one that cannot be mended: only by its
    /// number can a descriptor be taken out, and that has gone or is another's.
    ///
    /// Whoever sleeps on the old set must be woken; the notifier is in both.
    fn renew(&self, handlers: &mut Handlers) {
        // Before the new set is made, which may be given one of their numbers.
        for (token, _) in handlers.watched() {
            if !is_open(token.fd) {
                closed_while_watched(token.fd);
                handlers.remove(token.fd);
            }
        }
        let fresh = match Epoll::new() {
            Ok(fresh) => fresh,
            // For want of a descriptor: the old one does, at the cost of turns for nothing.
            Err(_) => return,
        };
        let notifier = self.notifier.load(Relaxed);
        if notifier != NONE {
            // It was there before.
            let _ = fresh.add(notifier as c_int, libc::EPOLLIN as u32, NOTIFIER);
        }
        let results: Vec<_> = handlers
            .watched()
            .into_iter()
            .map(|(token, events)| (token, fresh.add(token.fd, events, token.to_u64())))
            .collect();
        for (token, result) in results {
            self.added(handlers, token, &result);
        }
        // Fails only if a descriptor is none, and both have been made here.
        let _ = self.epoll.replace_with(fresh);
    }

    /// Waits, and notes which handlers are ready.
    pub(crate) fn wait(&self, timeout: Timeout) -> Found {
        if self.process.load(Relaxed) != fork::generation() {
            let handlers = self.lock();
            self.unlock(handlers);
        }
        let mut reports = Reports::new();
        let timeout = if self.is_ready() { Timeout::Now } else { timeout };
        self.epoll.wait(&mut reports, timeout);
        let mut found = Found::Handlers;
        let mut is_mended = true;
        let mut handlers = None;
        for report in reports.iter() {
            if report.token == NOTIFIER {
                found = Found::Notification;
                continue;
            }
            let handlers = handlers.get_or_insert_with(|| self.lock());
            let token = Token::from_u64(report.token);
            is_mended &= match handlers.report(token, report.events) {
                Reported::Ready => true,
                Reported::ReadyOften => is_open(token.fd),
                Reported::Stale => false,
            };
        }
        if !self.is_ready() && handlers.is_none() {
            return found;
        }
        let mut handlers = handlers.unwrap_or_else(|| self.lock());
        if !is_mended {
            self.renew(&mut handlers);
        }
        if handlers.always() != 0 {
            handlers.report_always();
        }
        self.unlock(handlers);
        found
    }

    /// Takes the next handler that is ready, with what was reported.
    pub(crate) fn take_ready(&self) -> Option<(Token, Callbacks, u32)> {
        if !self.is_ready() {
            return None;
        }
        let mut handlers = self.lock();
        let next = handlers.take_ready();
        let next = next.and_then(|(token, events)| {
            let callbacks = handlers.callbacks(token)?;
            Some((token, callbacks, events))
        });
        self.unlock(handlers);
        next
    }

    /// The handler's callbacks as they are now, if it is still there.
    pub(crate) fn callbacks(&self, token: Token) -> Option<Callbacks> {
        let handlers = self.lock();
        let callbacks = handlers.callbacks(token);
        self.unlock(handlers);
        callbacks
    }

    /// Whether a handler has been reported ready, and has not run yet.
    pub(crate) fn has_reported(&self) -> bool {
        if !self.is_ready() {
            return false;
        }
        let handlers = self.lock();
        let reported = handlers.ready() != 0;
        self.unlock(handlers);
        reported
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and the GSource that knew it has gone.
        drop(unsafe { Box::from_raw(self.poll_fd) });
    }
}

fn errno(result: &io::Result<()>) -> Option<c_int> {
    result.as_ref().err().map(|e| e.raw_os_error().unwrap_or(libc::EIO))
}

fn closed_while_watched(fd: c_int) {
    say(
        LIBRARY,
        format_args!(
            "aio_set_fd_handler: descriptor {fd} was closed before its handler was removed; its \
             handler is dropped"
        ),
    );
}
