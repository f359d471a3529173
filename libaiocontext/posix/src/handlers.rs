//! The handlers of a context, and those that are ready: plain data, which [`crate::watch`] keeps
//! in step with its epoll set.

use std::collections::{HashMap, VecDeque};
use std::ffi::c_int;

use crate::callbacks::Callbacks;
use crate::fd_hash::FdHash;
use crate::token::Token;

/// How a loop finds out that a descriptor is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Watched {
    /// The epoll set reports it.
    InSet,
    /// It cannot be waited for, such as a regular file: it is ready in every poll.
    Always,
    /// The epoll set has no room for it: it is polled beside the set.
    Beside,
}

/// A registered descriptor.
struct Handler {
    /// Tells it from an earlier handler of the same number.
    id: u32,
    callbacks: Callbacks,
    watched: Watched,
    /// What has been reported and not been run yet; not 0 while it is on the list of ready ones.
    reported: u32,
    /// How often it has been reported.
    reports: u32,
}

impl Handler {
    /// Notes that these events have been reported; `token` is its own.
    fn report(&mut self, token: Token, events: u32, ready: &mut VecDeque<Token>) -> Reported {
        if self.reported == 0 && events != 0 {
            ready.push_back(token);
        }
        self.reported |= events;
        self.reports = self.reports.wrapping_add(1);
        if self.reports == FIRST_SUSPECT || self.reports % NEXT_SUSPECT == 0 {
            Reported::Suspect
        } else {
            Reported::Ready
        }
    }
}

/// The outcome of a readiness report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reported {
    /// The handler will run.
    Ready,
    /// The same, and it is time to see whether the number still stands for the watched file.
    Suspect,
    /// No such handler: it was removed after the report was made.
    Stale,
}

/// After so many reports since it was added, a descriptor is suspect for the first time: one whose
/// file was closed while a copy of it lives is reported for as long as that is ready, and one that is
/// always ready is reported without a look.
const FIRST_SUSPECT: u32 = 8;
/// From then on after so many, which is rare enough to cost nothing.
const NEXT_SUSPECT: u32 = 64;

/// The handlers of a context.
#[derive(Default)]
pub(crate) struct Handlers {
    by_fd: HashMap<c_int, Handler, FdHash>,
    ready: VecDeque<Token>,
    /// The numbers that are ready in every poll.
    always: Vec<c_int>,
    /// The numbers that are polled beside the set.
    beside: Vec<c_int>,
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

    /// How many are polled beside the set.
    pub(crate) fn beside(&self) -> usize {
        self.beside.len()
    }

    /// What to poll beside the set, or with `all` in its place.
    pub(crate) fn to_poll(&self, all: bool) -> Vec<(Token, u32)> {
        let mut to_poll = self.watched();
        to_poll.retain(|&(token, _)| match self.how_watched(token.fd) {
            Some(Watched::InSet) => all,
            Some(Watched::Beside) => true,
            _ => false,
        });
        to_poll
    }

    /// Notes how the descriptor is watched from now on.
    pub(crate) fn set_watched(&mut self, fd: c_int, watched: Watched) {
        let Some(handler) = self.by_fd.get_mut(&fd) else { return };
        let old = std::mem::replace(&mut handler.watched, watched);
        handler.reports = 0;
        if let Some(numbers) = Self::numbers(&mut self.always, &mut self.beside, old) {
            numbers.retain(|&other| other != fd);
        }
        if let Some(numbers) = Self::numbers(&mut self.always, &mut self.beside, watched) {
            numbers.push(fd);
        }
    }

    fn numbers<'a>(
        always: &'a mut Vec<c_int>,
        beside: &'a mut Vec<c_int>,
        watched: Watched,
    ) -> Option<&'a mut Vec<c_int>> {
        match watched {
            Watched::InSet => None,
            Watched::Always => Some(always),
            Watched::Beside => Some(beside),
        }
    }

    /// How the descriptor is watched, if it has a handler.
    pub(crate) fn how_watched(&self, fd: c_int) -> Option<Watched> {
        self.by_fd.get(&fd).map(|handler| handler.watched)
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
        let watched = Watched::InSet;
        let handler = Handler { id, callbacks, watched, reported: 0, reports: 0 };
        self.by_fd.insert(fd, handler);
        Token { fd, id }
    }

    /// Forgets a handler; false if there is none.
    pub(crate) fn remove(&mut self, fd: c_int) -> bool {
        self.set_watched(fd, Watched::InSet);
        self.by_fd.remove(&fd).is_some()
    }

    /// Notes that poll has reported these events.
    pub(crate) fn report(&mut self, token: Token, events: u32) -> Reported {
        match self.by_fd.get_mut(&token.fd).filter(|h| h.id == token.id) {
            Some(handler) => handler.report(token, events, &mut self.ready),
            None => Reported::Stale,
        }
    }

    /// Takes a report back.
    pub(crate) fn forget_report(&mut self, token: Token) {
        if let Some(handler) = self.by_fd.get_mut(&token.fd).filter(|h| h.id == token.id) {
            handler.reported = 0;
            self.ready.retain(|&other| other != token);
        }
    }

    /// Notes that those that are always ready are ready. Returns those of which it is time to see
    /// whether the number still stands for such a file.
    pub(crate) fn report_always(&mut self) -> Vec<Token> {
        let mut suspects = Vec::new();
        for &fd in &self.always {
            let Some(handler) = self.by_fd.get_mut(&fd) else { continue };
            let token = Token { fd, id: handler.id };
            let events = handler.callbacks.events();
            if handler.report(token, events, &mut self.ready) == Reported::Suspect {
                suspects.push(token);
            }
        }
        suspects
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::tests::reading;
    use crate::report::READABLE;

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
    fn a_descriptor_is_suspect_after_some_reports() {
        let mut handlers = Handlers::default();
        let token = handlers.insert(7, reading());
        let suspect = (1..=2 * NEXT_SUSPECT).filter(|_| {
            let reported = handlers.report(token, 1);
            handlers.take_ready();
            reported == Reported::Suspect
        });
        assert!(suspect.eq([FIRST_SUSPECT, NEXT_SUSPECT, 2 * NEXT_SUSPECT]));
    }
}
