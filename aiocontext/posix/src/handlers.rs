//! The handlers of a context, and those that are ready: plain data, which [`crate::watch`] keeps
//! in step with its epoll set.

use std::collections::{HashMap, VecDeque};
use std::ffi::{c_int, c_void};

use aio_notify::abi::aio::IOHandler;

use crate::epoll::{READABLE, WRITABLE};

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

/// A registered descriptor.
struct Handler {
    /// Tells it from an earlier handler of the same number.
    id: u32,
    callbacks: Callbacks,
    /// Whether epoll refuses it, so that it counts as ready in every poll.
    always: bool,
    /// What has been reported and not been run yet; not 0 while it is on the list of ready ones.
    reported: u32,
    /// How often it has been reported.
    reports: u32,
}

/// Which handler of which number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) fd: c_int,
    id: u32,
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

/// What a report was good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reported {
    /// The handler will run.
    Ready,
    /// So it will, but it has been ready so often that it may be as well to see whether the
    /// descriptor is open at all.
    ReadyOften,
    /// No such handler.
    Stale,
}

/// How many reports make [`Reported::ReadyOften`]: rare enough to cost nothing, and often enough
/// that a descriptor that was closed under its handler is not reported thousands of times.
const OFTEN: u32 = 64;

/// The handlers of a context.
#[derive(Default)]
pub(crate) struct Handlers {
    by_fd: HashMap<c_int, Handler>,
    ready: VecDeque<Token>,
    /// The numbers that epoll refuses.
    always: Vec<c_int>,
    issued: u32,
}

impl Handlers {
    pub(crate) fn len(&self) -> usize {
        self.by_fd.len()
    }

    /// How many are ready in every poll.
    pub(crate) fn always(&self) -> usize {
        self.always.len()
    }

    /// Notes whether epoll refuses the descriptor.
    pub(crate) fn set_always(&mut self, fd: c_int, always: bool) {
        if let Some(handler) = self.by_fd.get_mut(&fd) {
            if handler.always {
                self.always.retain(|&other| other != fd);
            }
            if always {
                self.always.push(fd);
            }
            handler.always = always;
        }
    }

    /// Whether epoll refuses the descriptor.
    pub(crate) fn is_always(&self, fd: c_int) -> bool {
        self.by_fd.get(&fd).is_some_and(|handler| handler.always)
    }

    /// How many are ready and have not run yet; some may have gone since.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The descriptors with what epoll is asked for.
    pub(crate) fn watched(&self) -> Vec<(Token, u32)> {
        let token = |fd: c_int, handler: &Handler| Token { fd, id: handler.id };
        let all = self.by_fd.iter();
        all.map(|(&fd, handler)| (token(fd, handler), handler.callbacks.events())).collect()
    }

    /// Replaces the callbacks of a number that has a handler.
    pub(crate) fn replace(&mut self, fd: c_int, callbacks: Callbacks) -> Option<Token> {
        let handler = self.by_fd.get_mut(&fd)?;
        handler.callbacks = callbacks;
        Some(Token { fd, id: handler.id })
    }

    /// Adds a handler for a number that has none.
    pub(crate) fn insert(&mut self, fd: c_int, callbacks: Callbacks) -> Token {
        self.issued = self.issued.wrapping_add(1);
        let id = self.issued;
        let handler = Handler { id, callbacks, always: false, reported: 0, reports: 0 };
        self.by_fd.insert(fd, handler);
        Token { fd, id }
    }

    /// Forgets a handler; false if there is none.
    pub(crate) fn remove(&mut self, fd: c_int) -> bool {
        self.set_always(fd, false);
        self.by_fd.remove(&fd).is_some()
    }

    /// Notes that poll has reported these events.
    pub(crate) fn report(&mut self, token: Token, events: u32) -> Reported {
        let Some(handler) = self.by_fd.get_mut(&token.fd).filter(|h| h.id == token.id) else {
            return Reported::Stale;
        };
        if handler.reported == 0 && events != 0 {
            self.ready.push_back(token);
        }
        handler.reported |= events;
        handler.reports = handler.reports.wrapping_add(1);
        if handler.reports % OFTEN == 0 {
            Reported::ReadyOften
        } else {
            Reported::Ready
        }
    }

    /// Notes that those that are always ready are ready.
    pub(crate) fn report_always(&mut self) {
        for &fd in &self.always {
            let Some(handler) = self.by_fd.get_mut(&fd) else { continue };
            if handler.reported == 0 {
                self.ready.push_back(Token { fd, id: handler.id });
            }
            handler.reported |= handler.callbacks.events();
        }
    }

    /// Takes the next that is ready, with what was reported.
    pub(crate) fn take_ready(&mut self) -> Option<(Token, u32)> {
        while let Some(token) = self.ready.pop_front() {
            if let Some(handler) = self.by_fd.get_mut(&token.fd).filter(|h| h.id == token.id) {
                return Some((token, std::mem::take(&mut handler.reported)));
            }
        }
        None
    }

    /// The handler's callbacks, if it is still there.
    pub(crate) fn callbacks(&self, token: Token) -> Option<Callbacks> {
        let handler = self.by_fd.get(&token.fd).filter(|handler| handler.id == token.id)?;
        Some(handler.callbacks)
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
mod tests {
    use super::*;

    extern "C" fn callback(_: *mut c_void) {}

    fn reading() -> Callbacks {
        Callbacks { io_read: Some(callback), io_write: None, opaque: std::ptr::null_mut() }
    }

    #[test]
    fn a_report_for_an_earlier_handler_of_the_number_is_stale() {
        let mut handlers = Handlers::default();
        let old = handlers.insert(5, reading());
        handlers.remove(5);
        let new = handlers.insert(5, reading());
        assert_eq!(handlers.report(old, READABLE), Reported::Stale);
        assert_eq!(handlers.take_ready(), None);
        assert_eq!(handlers.report(new, 1), Reported::Ready);
        assert_eq!(handlers.take_ready(), Some((new, 1)));
        assert_eq!(Token::from_u64(new.to_u64()), new);
    }

    #[test]
    fn one_that_is_reported_twice_runs_once() {
        let mut handlers = Handlers::default();
        let token = handlers.insert(7, reading());
        handlers.report(token, 1);
        handlers.report(token, 4);
        assert_eq!(handlers.take_ready(), Some((token, 5)));
        assert_eq!(handlers.take_ready(), None);
    }

    #[test]
    fn one_that_was_removed_does_not_run() {
        let mut handlers = Handlers::default();
        let token = handlers.insert(7, reading());
        handlers.report(token, 1);
        handlers.remove(7);
        assert_eq!(handlers.take_ready(), None);
        assert!(handlers.callbacks(token).is_none());
    }

    #[test]
    fn reports_are_counted() {
        let mut handlers = Handlers::default();
        let token = handlers.insert(7, reading());
        let often = (0..2 * OFTEN).filter(|_| {
            let reported = handlers.report(token, 1);
            handlers.take_ready();
            reported == Reported::ReadyOften
        });
        assert_eq!(often.count(), 2);
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
