//! What the polls of a context share, under a lock: what they are to run, and every bottom half.

use std::collections::VecDeque;

use super::bottom_half::{Live, Urgency, DELETED, IDLE, PENDING, SCHEDULED};
use crate::sync::Ordering::{AcqRel, Relaxed};

/// What a poll is to run next.
pub(crate) struct Turn<T> {
    /// What the bottom half was made with.
    pub(crate) task: T,
    /// Whether it was scheduled for now; if not, it is idle.
    pub(crate) urgency: Urgency,
}

/// A poll that is under way, by its number.
#[derive(Clone, Copy)]
pub(crate) struct Pass(u64);

/// A place in `ready`.
struct Entry<T> {
    bh: Live<T>,
    /// The first poll that may run it.
    pass: u64,
    /// Whether it comes from the stack, so that it may be pushed again once it is taken.
    pushed: bool,
}

/// The side of those who poll.
pub(super) struct Polls<T> {
    /// To be run, in order. What an outer poll has not run yet, a poll within a callback runs.
    ready: VecDeque<Entry<T>>,
    /// Deleted, and to be freed when `running` is 0.
    dead: Vec<Live<T>>,
    /// How many polls are under way.
    running: usize,
    /// How many have begun.
    begun: u64,
    /// Every bottom half that has not been freed.
    all: Vec<Live<T>>,
}

// SAFETY: the pointers are the queue's own allocations; `T`, which any thread may run or free, is
// `Send` and, because every thread may look at it, `Sync`.
unsafe impl<T: Send + Sync> Send for Polls<T> {}

impl<T> Polls<T> {
    pub(super) const fn new() -> Self {
        Self { ready: VecDeque::new(), dead: Vec::new(), running: 0, begun: 0, all: Vec::new() }
    }

    /// Whether anything is left to run.
    #[inline]
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How urgently the queue has to be polled, if at all.
    pub(super) fn most_urgent(&self) -> Option<Urgency> {
        let mut most = None;
        for entry in &self.ready {
            match entry.bh.urgency() {
                Some(Urgency::Now) => return Some(Urgency::Now),
                Some(Urgency::Idle) => most = Some(Urgency::Idle),
                None => {}
            }
        }
        most
    }

    /// Adds a new bottom half to the list of all.
    pub(super) fn add(&mut self, bh: Live<T>) {
        // Relaxed, here and wherever the index is read: the lock orders it.
        bh.index.store(self.all.len(), Relaxed);
        self.all.push(bh);
    }

    #[inline]
    fn list(&mut self, entry: Entry<T>) {
        let listed = &entry.bh.listed;
        // Relaxed: ordered by the lock.
        listed.store(listed.load(Relaxed) + 1, Relaxed);
        self.ready.push_back(entry);
    }

    /// Puts what was on the stack on `ready`, oldest first, for the next poll that begins.
    #[inline]
    pub(super) fn list_taken(&mut self, newest_first: impl Iterator<Item = Live<T>>) {
        let pass = self.begun + 1;
        let old = self.ready.len();
        for bh in newest_first {
            self.list(Entry { bh, pass, pushed: true });
        }
        // Only for speed: a single one is in order.
        if self.ready.len() - old > 1 {
            if let Some(new) = self.ready.make_contiguous().get_mut(old..) {
                new.reverse();
            }
        }
    }

    /// Puts on `ready` what is scheduled and not there: other threads may not have pushed it yet.
    pub(super) fn list_scheduled(&mut self) {
        let pass = self.begun + 1;
        for index in 0..self.all.len() {
            let bh = self.all[index];
            // Relaxed, here and below: ordered by the lock, the flags by the exchange of `doubted`.
            if bh.urgency().is_some() && bh.listed.load(Relaxed) == 0 {
                self.list(Entry { bh, pass, pushed: false });
            }
        }
    }

    /// Begins a poll.
    #[inline]
    pub(super) fn begin(&mut self) -> Pass {
        self.begun += 1;
        self.running += 1;
        Pass(self.begun)
    }

    /// Ends a poll, and with the last one frees what has been deleted.
    #[inline]
    pub(super) fn end(&mut self) {
        self.running -= 1;
        if self.running == 0 {
            self.free_dead();
        }
    }

    fn free_dead(&mut self) {
        while let Some(bh) = self.dead.pop() {
            // SAFETY: deleted and off the queue, so nobody but this function knows it.
            let bh = unsafe { Box::from_raw(bh.0) };
            // Relaxed: ordered by the lock.
            let index = bh.index.load(Relaxed);
            self.all.swap_remove(index);
            if let Some(moved) = self.all.get(index) {
                moved.index.store(index, Relaxed);
            }
        }
    }
}

impl<T: Copy> Polls<T> {
    /// The next bottom half that the poll is to run.
    #[inline]
    pub(super) fn take_turn(&mut self, pass: Pass) -> Option<Turn<T>> {
        while let Some(&Entry { bh, pushed, .. }) =
            self.ready.front().filter(|entry| entry.pass <= pass.0)
        {
            self.ready.pop_front();
            // Relaxed, here and below: ordered by the lock.
            let listed = bh.listed.load(Relaxed) - 1;
            bh.listed.store(listed, Relaxed);
            let task = bh.task;
            let done = SCHEDULED | IDLE | if pushed { PENDING } else { 0 };
            // Acquire: pairs with the exchanges of a schedule and a deletion, for the data and for
            // the memory. Without it the callback misses the data that it is scheduled for. Release:
            // pairs with the exchange that sets `PENDING` next. Without it that thread's write to
            // `next` may overtake the read of it here.
            let old = bh.flags.fetch_and(!done, AcqRel);
            if old & DELETED != 0 {
                if pushed {
                    bh.is_done.store(true, Relaxed);
                }
                if listed == 0 && bh.is_done.load(Relaxed) {
                    self.dead.push(bh);
                }
            } else if old & SCHEDULED != 0 {
                return Some(Turn { task, urgency: Urgency::Now });
            } else if old & IDLE != 0 {
                return Some(Turn { task, urgency: Urgency::Idle });
            }
            // Without any, it was cancelled, or has run for an earlier entry.
        }
        None
    }
}

impl<T> Drop for Polls<T> {
    fn drop(&mut self) {
        for bh in self.all.drain(..) {
            // SAFETY: in `all`, so not freed, and nobody may use it any more.
            drop(unsafe { Box::from_raw(bh.0) });
        }
    }
}

// For the tests, which compile this file as a module of their own.
#[cfg(test)]
#[allow(dead_code)] // Not by every one of them.
impl<T> Polls<T> {
    /// How many bottom halves have not been freed.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }
}
