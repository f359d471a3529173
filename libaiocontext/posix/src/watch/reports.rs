//! Noting which handlers are ready.

use std::sync::atomic::Ordering::Relaxed;

use super::closed::{closed_while_watched, is_another_file, stands_for_another_file};
use super::Watch;
use crate::file::{is_always_ready, is_open};
use crate::handlers::{Handlers, Reported, Watched};
use crate::report::Report;
use crate::token::{Token, EVENT, REPLACED, TIMER};

/// What reports tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Noted {
    /// Of handlers at most.
    Handlers,
    /// Also that the loop's own event is full.
    Event,
}

impl Watch {
    /// Notes which handlers are ready.
    #[inline]
    pub(crate) fn note(&self, reports: impl Iterator<Item = Report>) -> Noted {
        let mut noted = Noted::Handlers;
        let mut handlers = None;
        let mut all_watched = true;
        for report in reports {
            match report.token {
                EVENT => noted = Noted::Event,
                TIMER => self.handover.take(&self.epoll),
                REPLACED => {}
                token => {
                    let handlers = handlers.get_or_insert_with(|| self.lock());
                    all_watched &= self.note_one(handlers, Token::from_u64(token), report.events);
                }
            }
        }
        // Relaxed: see `unlock`.
        if handlers.is_none() && !self.is_ready() {
            return noted;
        }
        let mut handlers = handlers.unwrap_or_else(|| self.lock());
        if !all_watched {
            self.renew(&mut handlers);
        }
        if handlers.always() != 0 {
            for token in handlers.report_always() {
                self.check_always(&mut handlers, token);
            }
        }
        self.unlock(handlers);
        noted
    }

    /// False where the set reports a file that the handler's number no longer stands for.
    fn note_one(&self, handlers: &mut Handlers, token: Token, events: u32) -> bool {
        if handlers.report(token, events) != Reported::Suspect {
            return true;
        }
        let in_set = handlers.how_watched(token.fd) == Some(Watched::InSet);
        let wanted = handlers.callbacks(token).map_or(0, |callbacks| callbacks.events());
        let good = !in_set
            || self.setless.load(Relaxed)
            || !is_another_file(&self.epoll.modify(token.fd, wanted, token.to_u64()));
        if !good {
            handlers.forget_report(token);
            if is_open(token.fd) {
                stands_for_another_file(token.fd);
            }
        }
        good
    }

    /// Sees whether a number that is always ready still stands for such a file.
    #[cold]
    fn check_always(&self, handlers: &mut Handlers, token: Token) {
        if is_always_ready(token.fd) {
            return;
        }
        handlers.forget_report(token);
        let Some(callbacks) = handlers.callbacks(token).filter(|_| is_open(token.fd)) else {
            closed_while_watched(token.fd);
            handlers.remove(token.fd);
            return;
        };
        stands_for_another_file(token.fd);
        handlers.set_watched(token.fd, Watched::InSet);
        self.add(handlers, token, callbacks.events());
    }
}
