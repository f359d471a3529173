//! What this component keeps for a context: its handlers together with its epoll set.

mod closed;
mod registering;
mod renewal;
mod reports;

use std::ffi::c_int;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed,
};
use std::sync::{Mutex, MutexGuard};

use aio_notify::ffi::ContextRef;
use aio_notify::unpoisoned;
use aiocontext_wake::OwnLoop;

use crate::callbacks::Callbacks;
use crate::epoll::Epoll;
use crate::g_source::PolledSource;
use crate::handlers::Handlers;
use crate::handover::Handover;
use crate::token::Token;

pub(crate) use closed::drop_closed;
pub(crate) use reports::Noted;

/// Whether the process has been told that epoll fails.
static CANNOT_WATCH: AtomicBool = AtomicBool::new(false);

/// A context's descriptors.
pub(crate) struct Watch {
    pub(crate) epoll: Epoll,
    /// The context as a GSource, for which GLib polls the set's own descriptor.
    pub(crate) source: PolledSource,
    handlers: Mutex<Handlers>,
    /// The async component's part, where that is the library's.
    own: Option<NonNull<OwnLoop>>,
    /// The context's notifier, where it is what wakes the loop; or -1.
    pub(crate) public: AtomicI32,
    /// The timer that wakes sleepers for work that is left.
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
    /// The lock's queue when its owner was last told of its waiters.
    pub(crate) told: AtomicU64,
    /// How often its owner held the lock then.
    pub(crate) told_nesting: AtomicU32,
    /// Whether sleepers must look at the work by themselves, because there is no timer.
    pub(crate) looks: AtomicBool,
    /// The process that the set is of.
    process: AtomicU32,
}

impl Watch {
    /// `own` lives as long as the context, which outlives this.
    pub(crate) fn new(ctx: ContextRef<'_>, own: Option<NonNull<OwnLoop>>) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let source = PolledSource::new(ctx, epoll.fd());
        let watch = Self {
            epoll,
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

    /// Whether sleepers must look at the work by themselves.
    pub(crate) fn looks(&self) -> bool {
        // Relaxed: a notification follows the change.
        self.looks.load(Relaxed)
    }

    /// How often handlers have been run, by now.
    #[inline]
    pub(crate) fn turns(&self) -> u32 {
        // Relaxed: compared by a thread that holds the context's lock, as threads that run handlers do.
        self.turns.load(Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handover.close();
    }
}
