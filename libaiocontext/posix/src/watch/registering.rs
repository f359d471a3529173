//! Setting and removing handlers.

use std::ffi::c_int;
use std::io;
use std::sync::atomic::Ordering::Relaxed;

use super::closed::{
    closed_while_watched, errno, is_another_file, not_open, stands_for_another_file,
};
use super::{Watch, CANNOT_WATCH};
use crate::callbacks::Callbacks;
use crate::file::{is_always_ready, is_open};
use crate::handlers::{Handlers, Watched};
use crate::token::Token;
use crate::LIBRARY;

impl Watch {
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

    pub(super) fn add(&self, handlers: &mut Handlers, token: Token, events: u32) {
        if self.setless.load(Relaxed) {
            if !is_open(token.fd) {
                not_open(handlers, token.fd);
            }
            return;
        }
        let mut result = self.epoll.add(token.fd, events, token.to_u64());
        if errno(&result) == Some(libc::EEXIST) {
            // Left from a descriptor that was closed while a copy of it stayed open, and has come
            // back to its number.
            result = self.epoll.modify(token.fd, events, token.to_u64());
        }
        added(handlers, token, &result);
    }

    fn modify(&self, handlers: &mut Handlers, token: Token, events: u32) {
        let watched = handlers.how_watched(token.fd);
        if watched != Some(Watched::InSet) || self.setless.load(Relaxed) {
            // The number may stand for another file by now.
            handlers.set_watched(token.fd, Watched::InSet);
            self.add(handlers, token, events);
            if watched == Some(Watched::Always) && handlers.how_watched(token.fd) != watched {
                // It was of the file that was there before.
                handlers.forget_report(token);
            }
            return;
        }
        let result = self.epoll.modify(token.fd, events, token.to_u64());
        if result.is_err() {
            // It was of the file that was there before.
            handlers.forget_report(token);
            if is_another_file(&result) && is_open(token.fd) {
                stands_for_another_file(token.fd);
            }
            // What the number stood for may still be reported, through a copy of it; or the set
            // still waits for other events.
            self.renew(handlers);
        }
    }

    /// Removes the callbacks of a descriptor.
    pub(crate) fn remove(&self, fd: c_int) {
        let mut handlers = self.lock();
        let in_set = handlers.how_watched(fd) == Some(Watched::InSet);
        handlers.remove(fd);
        if in_set && !self.setless.load(Relaxed) && self.epoll.remove(fd).is_err() {
            closed_while_watched(fd);
            self.renew(&mut handlers);
        }
        self.unlock(handlers);
    }
}

/// Notes what the set says to a descriptor that is to be added.
fn added(handlers: &mut Handlers, token: Token, result: &io::Result<()>) {
    match errno(result) {
        None => handlers.set_watched(token.fd, Watched::InSet),
        Some(libc::EPERM) if is_always_ready(token.fd) => {
            handlers.set_watched(token.fd, Watched::Always);
        }
        // A device that is not made to be waited for, which poll says is ready.
        Some(libc::EPERM) => handlers.set_watched(token.fd, Watched::Beside),
        Some(libc::EBADF) => not_open(handlers, token.fd),
        // No memory, or too many watches for the user.
        Some(code) => {
            handlers.set_watched(token.fd, Watched::Beside);
            LIBRARY.log_once(
                &CANNOT_WATCH,
                format_args!(
                    "aio_set_fd_handler: cannot add descriptor {} to an epoll set, errno {code}; it \
                     is polled beside it",
                    token.fd
                ),
            );
        }
    }
}
