//! The threads that run callbacks of a list.

use aio_notify::ffi::thread::this_thread;
use aiocontext_fork::generation;

/// A thread of this process.
pub(crate) type Thread = libc::pthread_t;

/// What a thread can be within.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// The callbacks of the list's timers.
    Timers,
    /// The list's notify callback, because the clock has changed.
    Notification,
}

struct Entry {
    thread: Thread,
    /// The process that the thread has entered in: a child does not have its parent's threads.
    generation: u32,
}

/// Threads, each as often as it is within.
pub(crate) struct RunningThreads(Vec<Entry>);

impl RunningThreads {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The calling thread enters.
    pub(crate) fn enter(&mut self) {
        self.0.push(Entry { thread: this_thread(), generation: generation() });
    }

    /// The calling thread leaves, as often as it has entered.
    pub(crate) fn leave(&mut self) {
        let this = this_thread();
        if let Some(last) = self.0.iter().rposition(|entry| entry.thread == this) {
            self.0.swap_remove(last);
        }
    }

    /// All that have entered in this process but `thread`.
    pub(crate) fn all_but(&self, thread: Thread) -> impl Iterator<Item = Thread> + '_ {
        let generation = generation();
        let others =
            self.0.iter().filter(move |e| e.generation == generation && e.thread != thread);
        others.map(|entry| entry.thread)
    }
}
