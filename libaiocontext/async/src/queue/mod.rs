//! The queue of a context's bottom halves.
//!
//! Scheduling pushes a bottom half onto `incoming`, a Treiber stack, and not again until a poll has
//! taken it off (`PENDING`). A poll takes the whole stack and runs it from `ready`, oldest first. A
//! bottom half that is not scheduled is on neither and costs nothing.
//!
//! Only threads that poll, make, free or compute a timeout take the lock: scheduling, cancelling and
//! deleting never do, so signal handlers may schedule. The lock is never held while a callback runs.
//!
//! **A thread that stops** between setting `PENDING` and its push must not delay others that schedule
//! the same bottom half. They cannot push it as well, nor tell whether it has been pushed; so they
//! raise `doubted`, and a poll looks at all bottom halves. They no longer touch this one: its callback
//! may have run, and deleted it.
//!
//! **Cancelling** only cancels the schedule; the bottom half stays queued until a poll drops it, and
//! keeps its place if it is scheduled again before that.
//!
//! **Deleting** marks the bottom half and leaves it to a poll to free it, once no poll is under way.
//! Until then scheduling or cancelling it does nothing, but on live memory.

mod bottom_half;
mod incoming;
mod polls;

use aio_notify::unpoisoned;

pub(crate) use bottom_half::{BottomHalf, Urgency};
use bottom_half::{Live, DELETED, PENDING, SCHEDULED};
use incoming::Incoming;
use polls::{Pass, Polls, Turn};

use crate::sync::{AtomicBool, Mutex, Ordering::Relaxed};

/// The queue of one context. It frees its bottom halves when it is dropped.
pub(crate) struct Queue<T> {
    incoming: Incoming<T>,
    /// Whether `ready` has any; for a look without the lock.
    kept: AtomicBool,
    polls: Mutex<Polls<T>>,
}

impl<T: Copy + Send + Sync> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            incoming: Incoming::new(),
            kept: AtomicBool::new(false),
            polls: Mutex::new(Polls::new()),
        }
    }

    /// Runs `f` with the lock. Nothing panics with it, so nothing is left half done.
    fn with_polls<R>(&self, f: impl FnOnce(&mut Polls<T>) -> R) -> R {
        f(&mut unpoisoned!(self.polls.lock()))
    }

    /// Makes a bottom half, not scheduled. Any thread.
    pub(crate) fn add(&self, task: T) -> *mut BottomHalf<T> {
        let bh = Box::into_raw(Box::new(BottomHalf::new(task)));
        self.with_polls(|polls| polls.add(Live(bh)));
        bh
    }

    /// Whether there is nothing to look at.
    #[inline]
    fn is_empty(&self) -> bool {
        // Relaxed: the acquire loads before it order it.
        self.incoming.is_empty() && !self.kept.load(Relaxed)
    }

    /// Whether an urgent one seems to be scheduled; false says nothing. Any thread; three loads.
    #[inline]
    pub(crate) fn has_urgent(&self) -> bool {
        self.incoming.has_urgent()
    }

    /// Whether any is scheduled, and how urgently. A caller that has executed a full fence since it
    /// announced that it will sleep learns of every one whose schedule has returned. Any thread; three
    /// loads where there is none.
    pub(crate) fn most_urgent(&self) -> Option<Urgency> {
        if self.is_empty() {
            return None;
        }
        if self.has_urgent() {
            return Some(Urgency::Now);
        }
        self.with_polls(|polls| {
            self.absorb(polls);
            polls.most_urgent()
        })
    }

    /// Schedules the bottom half to run once, in the next poll. Returns whether the caller must notify
    /// the loop: false if the bottom half has been deleted. Lock-free. Any thread and signal handlers.
    ///
    /// # Safety
    ///
    /// `bh` is of this queue and has not been freed.
    #[inline]
    pub(crate) unsafe fn schedule(&self, bh: *mut BottomHalf<T>, urgency: Urgency) -> bool {
        let bh = Live(bh);
        let old = bh.mark_scheduled(urgency);
        if old & (PENDING | DELETED) == 0 {
            // This thread has set `PENDING`, so nobody else pushes it, and nobody frees it.
            self.incoming.push(bh);
            self.incoming.hint_urgency(urgency);
        } else if old & DELETED != 0 {
            return false;
        } else {
            self.incoming.doubt();
        }
        true
    }

    /// Cancels a schedule. Lock-free. Any thread and signal handlers.
    ///
    /// # Safety
    ///
    /// As for [`Self::schedule`].
    pub(crate) unsafe fn cancel(&self, bh: *mut BottomHalf<T>) {
        if Live(bh).mark_cancelled() & SCHEDULED != 0 {
            self.incoming.mistrust_hint();
        }
    }

    /// Deletes the bottom half: it never runs again, and is freed. Lock-free. Any thread and signal
    /// handlers.
    ///
    /// # Safety
    ///
    /// As for [`Self::schedule`].
    pub(crate) unsafe fn delete(&self, bh: *mut BottomHalf<T>) {
        let bh = Live(bh);
        let old = bh.mark_deleted();
        if old & SCHEDULED != 0 {
            self.incoming.mistrust_hint();
        }
        if old & (DELETED | PENDING) == 0 {
            self.incoming.push(bh);
        }
    }

    /// Moves what has been scheduled to `ready`, for the next poll that begins.
    #[inline]
    fn absorb(&self, polls: &mut Polls<T>) {
        if !self.incoming.has_none() {
            self.incoming.clear_hints();
            // Before the stack is taken, for threads that look without the lock. Relaxed: the
            // exchange in `take` publishes it.
            self.kept.store(true, Relaxed);
            polls.list_taken(self.incoming.take());
        }
        if self.incoming.is_doubted() {
            // As above, by the exchange in `take_doubt`.
            self.kept.store(true, Relaxed);
            self.incoming.take_doubt();
            polls.list_scheduled();
        }
        self.publish(polls);
    }

    #[inline]
    fn publish(&self, polls: &Polls<T>) {
        // Relaxed: see `is_empty`. A poller that leaves something makes the loop look again.
        self.kept.store(polls.has_ready(), Relaxed);
    }

    /// Begins a poll, which runs what is scheduled by now. `None` if there is nothing to do. Each poll
    /// that begins must take turns until there are none.
    #[inline]
    pub(crate) fn begin(&self) -> Option<Pass> {
        if self.is_empty() {
            return None;
        }
        Some(self.with_polls(|polls| {
            self.absorb(polls);
            polls.begin()
        }))
    }

    /// The next bottom half to run. With `None` the poll has ended; `pass` is not used again.
    #[inline]
    pub(crate) fn take_turn(&self, pass: Pass) -> Option<Turn<T>> {
        self.with_polls(|polls| {
            let turn = polls.take_turn(pass);
            self.publish(polls);
            if turn.is_none() {
                polls.end();
            }
            turn
        })
    }
}

// For the tests, which compile this file as a module of their own.
#[cfg(test)]
#[allow(dead_code)] // Not by every one of them.
impl<T: Copy + Send + Sync> Queue<T> {
    /// How many bottom halves have not been freed.
    pub(crate) fn count(&self) -> usize {
        self.with_polls(|polls| polls.count())
    }

    /// The first half of [`Self::schedule`]: what a thread has done that stops before its push.
    ///
    /// # Safety
    ///
    /// As for [`Self::schedule`].
    pub(crate) unsafe fn stop_before_push(&self, bh: *mut BottomHalf<T>) {
        Live(bh).mark_scheduled(Urgency::Now);
    }
}
