//! Announcing that a poller may sleep, and consuming a notification: the loop's half of the wakeup
//! protocol.

use aio_notify::ffi::preserving_errno;
use aio_notify::protocol::coalescing::Context;
use aio_notify::protocol::flag;
use aiocontext_wake::OwnLoop;

use crate::context::FdLoop;
use crate::import::event_notifier_test_and_clear;

/// A poller that has announced that it may sleep.
pub(crate) struct Raised<'a> {
    ctx: FdLoop<'a>,
    /// A version, by which idle bottom halves that are scheduled later are noticed.
    seen: u32,
    long: bool,
    process: u32,
}

impl<'a> FdLoop<'a> {
    /// The protocol on this context, with the private words of the async component.
    #[inline]
    fn protocol(self, own: &'a OwnLoop) -> Context<'a> {
        Context { words: self.words(), private: &own.words }
    }

    /// Announces that the caller may sleep, and then has to look at the work.
    #[inline]
    pub(crate) fn raise(self) -> Raised<'a> {
        let process = aiocontext_fork::generation();
        let seen = match self.own() {
            Some(own) => self.protocol(own).raise(),
            None => {
                // For the program's own `aio_notify`.
                flag::begin_poll(self.words());
                0
            }
        };
        Raised { ctx: self, seen, long: false, process }
    }

    /// Empties the loop's own event, which the set has reported. If others sleep on, one of them is
    /// woken soon, in case the caller does not get to the work.
    pub(crate) fn consume(self) {
        if let Some(own) = self.own() {
            self.protocol(own).consume(|| own.event.drain());
            // After the event has been emptied: a poller that raised before it was filled counts.
            if own.words.has_sleepers() {
                self.wake_soon();
            }
        }
    }

    /// Empties the context's notifier, on which the program has a handler, as
    /// `aio_notify_accept()` would before the handler runs.
    pub(crate) fn drain_notifier(self) {
        if self.own().is_some() {
            // SAFETY: initialised, and live as its context is.
            preserving_errno(|| unsafe { event_notifier_test_and_clear(self.notifier()) });
        }
    }

    /// Notes whether the program has a handler of its own on the context's notifier.
    pub(crate) fn set_handled(self, handled: bool) {
        if let Some(own) = self.own() {
            own.words.set_handled(handled);
        }
    }
}

impl Raised<'_> {
    /// Announces that the caller may sleep for any time. False if it may sleep only for as long as idle
    /// bottom halves wait.
    #[inline]
    pub(crate) fn lengthen(&mut self) -> bool {
        let Some(own) = self.ctx.own() else { return true };
        self.long = self.ctx.protocol(own).lengthen(self.seen);
        self.long
    }

    /// Takes the announcement back, as soon as the caller is awake. False in a child process that has
    /// been forked since: it has announced nothing.
    #[inline]
    pub(crate) fn lower(self) -> bool {
        if self.process != aiocontext_fork::generation() {
            self.ctx.enter();
            return false;
        }
        match self.ctx.own() {
            Some(own) => self.ctx.protocol(own).lower(self.long),
            None => flag::end_poll(self.ctx.words()),
        }
        true
    }
}
