//! The handlers of a context together with its epoll set: what this component keeps for a context.

use std::ffi::c_int;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed,
};
use std::sync::{Mutex, MutexGuard};

use aio_notify::abi::glib::GPollFD;
use aio_notify::unpoisoned;
use aiocontext_wake::OwnLoop;
use glib_sys::GSource;

use crate::epoll::{is_always_ready, is_open, Epoll, Report};
use crate::handlers::{Callbacks, Handlers, Reported, Token, Watched};
use crate::handover::Handover;
use crate::LIBRARY;

/// A context's descriptors.
pub(crate) struct Watch {
    pub(crate) epoll: Epoll,
    /// The set's own descriptor for the GSource, which GLib reads and writes.
    pub(crate) poll_fd: *mut GPollFD,
    /// The context as a GSource, which outlives this.
    source: *mut GSource,
    handlers: Mutex<Handlers>,
    /// The async component's part, where that is the library's.
    own: Option<NonNull<OwnLoop>>,
    /// The context's notifier, where it is what wakes the loop; or -1.
    pub(crate) public: AtomicI32,
    /// What lets sleepers know of work that is left for later.
    pub(crate) handover: Handover,
    /// How many handlers there are; for a look without the lock.
    watched: AtomicUsize,
    /// How many of them are ready in every poll, or have been reported and have not run yet.
    ready: AtomicUsize,
    /// How many are polled beside the set.
    beside: AtomicUsize,
    /// Whether the set cannot be used: everything is polled by its number.
    pub(crate) setless: AtomicBool,
    /// How often handlers have been run.
    turns: AtomicU32,
    /// The lock's queue when its owner was last told of those who wait.
    pub(crate) told: AtomicU64,
    /// How often its owner held the lock then.
    pub(crate) told_nesting: AtomicU32,
    /// Whether those who sleep must look at the work by themselves, for want of a timer.
    pub(crate) looks: AtomicBool,
    /// The process that the set is of.
    process: AtomicU32,
}

/// The token of the loop's own event: no descriptor has this number.
pub(crate) const EVENT: u64 = u64::MAX;
/// The token of the timer for work that is left for later.
pub(crate) const TIMER: u64 = u64::MAX - 1;
/// The token by which a set that has been replaced wakes those who sleep on it.
const REPLACED: u64 = u64::MAX - 2;

/// What reports tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Noted {
    /// Of handlers at most.
    Handlers,
    /// Also that the loop's own event is full.
    Event,
}

impl Watch {
    /// `own` lives as long as the context, which `source` is.
    pub(crate) fn new(source: *mut GSource, own: Option<NonNull<OwnLoop>>) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let poll_fd = GPollFD { fd: epoll.fd(), events: libc::POLLIN as u16, revents: 0 };
        let watch = Self {
            epoll,
            poll_fd: Box::into_raw(Box::new(poll_fd)),
            source,
            handlers: Mutex::new(Handlers::default()),
            own,
            public: AtomicI32::new(-1),
            handover: Handover::new(),
            watched: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            beside: AtomicUsize::new(0),
            setless: AtomicBool::new(false),
            turns: AtomicU32::new(0),
            told: AtomicU64::new(0),
            told_nesting: AtomicU32::new(0),
            looks: AtomicBool::new(false),
            process: AtomicU32::new(aiocontext_fork::generation()),
        };
        watch.add_event()?;
        Ok(watch)
    }

    /// The async component's part.
    #[inline]
    pub(crate) fn own(&self) -> Option<&OwnLoop> {
        // SAFETY: lives as long as the context, and so longer than this.
        self.own.map(|own| unsafe { own.as_ref() })
    }

    /// Whether any poller may sleep, besides the caller.
    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.own().is_some_and(|own| own.words.has_sleepers())
    }

    /// Whether others may sleep, or a timer is set for them, so that a poller that leaves has to look at
    /// what is left.
    #[inline]
    pub(crate) fn concerns_others(&self) -> bool {
        self.has_sleepers() || self.handover.is_set()
    }

    /// The descriptor of the loop's own event, or -1 where the context's notifier wakes the loop.
    pub(crate) fn event(&self) -> c_int {
        self.own().map_or(-1, |own| own.event.read_end())
    }

    /// Puts the loop's own event into the set that is to be used.
    fn add_event(&self) -> io::Result<()> {
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

    /// Whether the set is of this process, and not of its parent.
    #[inline]
    pub(crate) fn is_of_this_process(&self) -> bool {
        // Relaxed: a thread that another has made sees what that one has renewed.
        self.process.load(Relaxed) == aiocontext_fork::generation()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Handlers> {
        unpoisoned!(self.handlers.lock())
    }

    pub(crate) fn unlock(&self, handlers: MutexGuard<'_, Handlers>) {
        // Relaxed: a change of handlers is followed by a notification, after which the loop looks
        // again.
        self.watched.store(handlers.len(), Relaxed);
        self.ready.store(handlers.always() + handlers.ready(), Relaxed);
        self.beside.store(handlers.beside(), Relaxed);
    }

    /// Whether there is any handler.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.load(Relaxed) == 0
    }

    /// Whether a handler can run without a wait.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) != 0
    }

    /// Whether the set alone reports every descriptor.
    #[inline]
    pub(crate) fn is_in_set(&self) -> bool {
        self.beside.load(Relaxed) == 0 && !self.setless.load(Relaxed)
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

    /// Makes a new set of all handlers, in the place of one that has a file in it that cannot be
    /// taken out: that takes its number, which has gone or is another's. Those who sleep on the old
    /// set wake.
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

    /// Wakes those who sleep in a poll of the set's number, GLib and the lock's owner. Where the set
    /// was replaced, they stay on the old one: poll looks for the file of a number anew each time
    /// that it wakes, but it sleeps on the files that it found first.
    fn wake_who_polls(&self) {
        if let Some(own) = self.own() {
            own.kick_owner();
        }
        // SAFETY: a live source.
        if unsafe { glib_sys::g_source_is_destroyed(self.source) } != 0 {
            return;
        }
        // SAFETY: a live source.
        let glib_context = unsafe { glib_sys::g_source_get_context(self.source) };
        if !glib_context.is_null() {
            // SAFETY: lives as long as the source is attached to it.
            unsafe { glib_sys::g_main_context_wakeup(glib_context) };
        }
    }

    /// Wakes all who sleep on a set, and whoever comes to.
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

    /// Puts everything into a new set, or where there is none does without.
    fn fill(&self, handlers: &mut Handlers, made: io::Result<()>) {
        let result = made;
        if let Err(e) = &result {
            LIBRARY.log_once(
                &CANNOT_WATCH,
                format_args!(
                    "no epoll set for a context, errno {}: its descriptors are polled every 10 ms",
                    e.raw_os_error().unwrap_or_default()
                ),
            );
        }
        self.setless.store(result.is_err(), Relaxed);
        for (token, events) in handlers.watched() {
            handlers.set_watched(token.fd, Watched::InSet);
            self.add(handlers, token, events);
        }
        let fd = if result.is_ok() { self.epoll.fd() } else { -1 };
        // SAFETY: within the GPollFD, which lives as long as this.
        let place = unsafe { &raw mut (*self.poll_fd).fd };
        // SAFETY: aligned; GLib reads it at the start of each of its polls.
        unsafe { AtomicI32::from_ptr(place) }.store(fd, Relaxed);
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

    /// Takes the next handler that is ready, with what was reported.
    #[inline]
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
        // Relaxed: see `turns`.
        self.turns.fetch_add(1, Relaxed);
        self.unlock(handlers);
        next
    }

    /// The handler's callbacks as they are now, if it is still there.
    pub(crate) fn callbacks(&self, token: Token) -> Option<Callbacks> {
        self.lock().callbacks(token)
    }

    /// Whether a handler has been reported ready, and has not run yet.
    pub(crate) fn has_reported(&self) -> bool {
        self.is_ready() && self.lock().ready() != 0
    }

    /// Whether those who sleep must look at the work by themselves.
    pub(crate) fn looks(&self) -> bool {
        // Relaxed: a notification follows the change.
        self.looks.load(Relaxed)
    }

    /// How often handlers have been run, by now.
    #[inline]
    pub(crate) fn turns(&self) -> u32 {
        // Relaxed: compared by a thread that holds the context's lock, as those who run handlers do.
        self.turns.load(Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handover.close();
        // SAFETY: made by `new`, and the GSource that knew it has gone.
        drop(unsafe { Box::from_raw(self.poll_fd) });
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

/// Whether a change in the set says that the number no longer stands for the file that is there.
fn is_another_file(result: &io::Result<()>) -> bool {
    matches!(errno(result), Some(libc::ENOENT | libc::EBADF))
}

/// Whether the process has been told that epoll fails.
pub(crate) static CANNOT_WATCH: AtomicBool = AtomicBool::new(false);

fn errno(result: &io::Result<()>) -> Option<c_int> {
    result.as_ref().err().map(|e| e.raw_os_error().unwrap_or(libc::EIO))
}

/// Drops the handlers of numbers that stand for no file.
pub(crate) fn drop_closed(handlers: &mut Handlers) {
    for (token, _) in handlers.watched() {
        if !is_open(token.fd) {
            closed_while_watched(token.fd);
            handlers.remove(token.fd);
        }
    }
}

fn not_open(handlers: &mut Handlers, fd: c_int) {
    handlers.remove(fd);
    LIBRARY.log(format_args!(
        "aio_set_fd_handler: descriptor {fd} is not open; its handler is dropped"
    ));
}

fn stands_for_another_file(fd: c_int) {
    LIBRARY.log(format_args!(
        "aio_set_fd_handler: descriptor {fd} was closed before its handler was removed, and \
             stands for another file now, which is watched in its place"
    ));
}

fn closed_while_watched(fd: c_int) {
    LIBRARY.log(format_args!(
        "aio_set_fd_handler: descriptor {fd} was closed before its handler was removed; its \
             handler is dropped"
    ));
}
