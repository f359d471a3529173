//! Making a new epoll set in the place of the old one.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use super::closed::drop_closed;
use super::{Watch, CANNOT_WATCH};
use crate::epoll::Epoll;
use crate::handlers::{Handlers, Watched};
use crate::token::{EVENT, REPLACED};
use crate::LIBRARY;

impl Watch {
    /// Makes a new set of all handlers, in the place of one with a file in it that cannot be taken out:
    /// that takes its number, which is closed or another file's. Sleepers on the old set wake.
    pub(crate) fn renew(&self, handlers: &mut Handlers) {
        // Before the new set is made, which may be given one of their numbers.
        drop_closed(handlers);
        let result = Epoll::new().and_then(|fresh| {
            // Before it is in use: who sleeps on it must hear notifications.
            self.add_event_to(&fresh)?;
            self.handover.add_to(&fresh);
            let old = self.epoll.duplicate();
            if old.is_err() {
                // Before it is replaced, because it has no other number.
                self.wake_all_on(&self.epoll);
            }
            self.epoll.replace_with(fresh)?;
            if let Ok(old) = old {
                self.wake_all_on(&old);
            }
            Ok(())
        });
        // Not after a failed retry: it would wake its own caller.
        if result.is_ok() || !self.setless.load(Relaxed) {
            self.fill(handlers, result);
            self.wake_who_polls();
        }
    }

    /// Wakes what sleeps in a poll of the set's number: GLib and the lock's owner. If the set has been
    /// replaced, they stay on the old one: poll looks up the file of a number each time that it wakes, but
    /// sleeps on the files that it found first.
    fn wake_who_polls(&self) {
        if let Some(own) = self.own() {
            own.kick_owner();
        }
        self.source.wake();
    }

    /// Wakes all that sleep on a set, or will.
    fn wake_all_on(&self, set: &Epoll) {
        let wakes = (libc::EPOLLIN | libc::EPOLLOUT) as u32;
        let ends = self.own().map(|own| own.event.ends());
        let (read, write) = match ends {
            Some(ends) => (ends.read, ends.write),
            None => (self.public.load(Relaxed), self.public.load(Relaxed)),
        };
        // An event can be written to at any time, so it is ready for good. Fails where the program's
        // own components have no event in the set; they poll no set of ours then.
        let _ = if read == write {
            set.modify(read, wakes, REPLACED)
        } else {
            set.add(write, wakes, REPLACED)
        };
    }

    /// Puts everything into a new set; if there is none, the loop does without.
    fn fill(&self, handlers: &mut Handlers, made: io::Result<()>) {
        if let Err(e) = &made {
            LIBRARY.log_once(
                &CANNOT_WATCH,
                format_args!(
                    "no epoll set for a context, errno {}: its descriptors are polled every 10 ms",
                    e.raw_os_error().unwrap_or_default()
                ),
            );
        }
        self.setless.store(made.is_err(), Relaxed);
        for (token, events) in handlers.watched() {
            handlers.set_watched(token.fd, Watched::InSet);
            self.add(handlers, token, events);
        }
        self.source.set_fd(if made.is_ok() { self.epoll.fd() } else { -1 });
    }

    /// In a child process: a set of its own. The parent's is left alone.
    pub(crate) fn renew_in_child(&self) {
        let mut handlers = self.lock();
        if !self.is_of_this_process() {
            self.handover.close();
            let made = self.epoll.renew().and_then(|()| self.add_event());
            drop_closed(&mut handlers);
            self.fill(&mut handlers, made);
            self.process.store(aiocontext_fork::generation(), Relaxed);
        }
        self.unlock(handlers);
    }

    /// Puts the loop's own event into the set that is to be used.
    pub(super) fn add_event(&self) -> io::Result<()> {
        self.add_event_to(&self.epoll)
    }

    fn add_event_to(&self, set: &Epoll) -> io::Result<()> {
        let Some(own) = self.own() else { return Ok(()) };
        if !own.event.is_open() {
            // A child process that had no descriptor for it.
            own.event.open().map_err(|e| io::Error::from_raw_os_error(e.raw_os_error()))?;
        }
        set.add(own.event.read_end(), libc::EPOLLIN as u32, EVENT)
    }
}
