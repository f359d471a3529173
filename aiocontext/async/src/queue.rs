//! The bottom halves of a context, and the queue of those that are to run.
//!
//! Who schedules pushes onto `incoming`, a lock-free stack, at most once until the bottom half has
//! been taken off again (`PENDING`). Who polls takes the whole stack at once, turns it round, and
//! runs from `ready`. A bottom half that is not scheduled is on neither and costs nothing.
//!
//! The lock is only for those who poll, make or free: scheduling, cancelling and deleting never
//! take it, so that signal handlers may schedule. It is never held while a callback runs.
//!
//! **Cancelling** only takes the schedule back; the bottom half stays queued until a poll drops it.
//! If it is scheduled again before that, its `order` says where its turn is now.
//!
//! **Deleting** marks the bottom half and leaves it to a poll to free it, once no poll is under
//! way any more: until then whoever still schedules or cancels it does so for nothing, but on live
//! memory.

use std::collections::VecDeque;
use std::ptr;
use std::sync::PoisonError;

use crate::sync::{
    AtomicPtr, AtomicU8, AtomicUsize, Mutex,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// To be run, and the loop must not sleep.
const SCHEDULED: u8 = 1;
/// To be run, but the loop may sleep a while first.
const IDLE: u8 = 2;
/// On `incoming`, `ready` or `later`, or about to be pushed by whoever set this.
const PENDING: u8 = 4;
/// Never to be run again; freed when no poll is under way.
const DELETED: u8 = 8;

/// How soon a bottom half is to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    /// The loop must not sleep before.
    Now,
    /// The loop may sleep a while, and has done nothing worth a mention when it has run.
    Idle,
}

/// A bottom half with what its callback needs.
pub(crate) struct BottomHalf<T> {
    flags: AtomicU8,
    /// Its place among the scheduled: a number that [`Queue::issued`] gave out.
    order: AtomicUsize,
    /// The next on `incoming`, which was pushed before this one.
    next: AtomicPtr<BottomHalf<T>>,
    /// Its place in [`Polls::all`], which the lock protects.
    index: AtomicUsize,
    task: T,
}

impl<T> BottomHalf<T> {
    /// What it was made with.
    pub(crate) fn task(&self) -> &T {
        &self.task
    }
}

/// What a poll is to run next.
pub(crate) struct Turn<T> {
    /// What the bottom half was made with.
    pub(crate) task: T,
    /// Whether it was scheduled for now; if not, it is idle.
    pub(crate) urgency: Urgency,
}

/// A poll that is under way.
#[derive(Clone, Copy)]
pub(crate) struct Pass {
    /// The first order that is not its own: scheduled since it began.
    limit: usize,
}

/// The queue of one context. It frees its bottom halves when it is dropped.
pub(crate) struct Queue<T> {
    /// Scheduled or deleted since the last poll began, newest first.
    incoming: AtomicPtr<BottomHalf<T>>,
    /// How many orders have been given out.
    issued: AtomicUsize,
    /// How many are `SCHEDULED` and not deleted; for moments, one too many.
    scheduled: AtomicUsize,
    /// How many are `IDLE` and not deleted; for moments, one too many.
    idle: AtomicUsize,
    polls: Mutex<Polls<T>>,
}

/// The side of those who poll.
struct Polls<T> {
    /// To be run, in order. What an outer poll has not run yet, a poll within a callback runs.
    ready: VecDeque<*mut BottomHalf<T>>,
    /// Cancelled and scheduled again since the poll began: for the next one.
    later: Vec<*mut BottomHalf<T>>,
    /// Deleted, and to be freed when `running` is 0.
    dead: Vec<*mut BottomHalf<T>>,
    /// How many polls are under way.
    running: usize,
    /// The limit of the last one that began.
    limit: usize,
    /// Every bottom half that has not been freed.
    all: Vec<*mut BottomHalf<T>>,
}

// SAFETY: the pointers are the queue's own allocations; `T`, which any thread may run or free, is
// `Send` and, because every thread may look at it, `Sync`.
unsafe impl<T: Send + Sync> Send for Polls<T> {}

/// Whether order `a` was given out before `b`; the numbers wrap round.
fn before(a: usize, b: usize) -> bool {
    a.wrapping_sub(b) > usize::MAX / 2
}

impl<T: Copy + Send + Sync> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            incoming: AtomicPtr::new(ptr::null_mut()),
            issued: AtomicUsize::new(0),
            scheduled: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            polls: Mutex::new(Polls {
                ready: VecDeque::new(),
                later: Vec::new(),
                dead: Vec::new(),
                running: 0,
                limit: 0,
                all: Vec::new(),
            }),
        }
    }

    /// Runs `f` with the lock. Nothing panics with it, so nothing is left half done.
    fn with_polls<R>(&self, f: impl FnOnce(&mut Polls<T>) -> R) -> R {
        f(&mut self.polls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a bottom half, not scheduled. Any thread.
    pub(crate) fn add(&self, task: T) -> *mut BottomHalf<T> {
        let bh = Box::into_raw(Box::new(BottomHalf {
            flags: AtomicU8::new(0),
            order: AtomicUsize::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            index: AtomicUsize::new(0),
            task,
        }));
        self.with_polls(|polls| {
            // SAFETY: made above, and nobody else knows it.
            let index = unsafe { &(*bh).index };
            // Relaxed, here and wherever the index is read: the lock orders it.
            index.store(polls.all.len(), Relaxed);
            polls.all.push(bh);
        });
        bh
    }

    /// Whether any is scheduled, and how urgently. May say so of one that is about to be scheduled
    /// or has just been cancelled; never the other way round, to a caller that has had a full
    /// fence since it announced that it will sleep. Any thread; two loads.
    pub(crate) fn most_urgent(&self) -> Option<Urgency> {
        // Relaxed: the caller's fence pairs with the one in `notify`, which stands behind the
        // addition in `schedule`; one of the two sees the other.
        if self.scheduled.load(Relaxed) != 0 {
            Some(Urgency::Now)
        } else if self.idle.load(Relaxed) != 0 {
            Some(Urgency::Idle)
        } else {
            None
        }
    }

    fn counter(&self, urgency: Urgency) -> &AtomicUsize {
        match urgency {
            Urgency::Now => &self.scheduled,
            Urgency::Idle => &self.idle,
        }
    }

    /// Has the bottom half run in the next poll, once. Returns whether it was not scheduled (so)
    /// before: whoever gets true has the loop notified. Lock-free. Any thread and signal handlers.
    ///
    /// # Safety
    ///
    /// `bh` is of this queue and has not been freed.
    pub(crate) unsafe fn schedule(&self, bh: *mut BottomHalf<T>, urgency: Urgency) -> bool {
        let bit = match urgency {
            Urgency::Now => SCHEDULED,
            Urgency::Idle => IDLE,
        };
        // SAFETY: live by this function's contract, at least until the exchange below.
        let flags = unsafe { &(*bh).flags };
        // Relaxed: only picks the cheapest way; what follows does not rely on it.
        let seen = flags.load(Relaxed);
        // An exchange all the same. Release: pairs with the exchange in `take_turn` or `cancel`.
        // Without it a callback that runs for an earlier schedule misses the data of this one.
        if seen & bit != 0 && flags.fetch_or(0, Release) & bit != 0 {
            return false;
        }
        let ordered = seen & (SCHEDULED | IDLE) == 0;
        if ordered {
            // SAFETY: as above. Before the exchange, because the bottom half may have run and be
            // gone directly after.
            unsafe { self.put_last(bh) };
        }
        // Before the flag: were it taken back by another thread before it is counted, the counter
        // would for a moment hide another one that is scheduled. Relaxed: see `most_urgent`.
        self.counter(urgency).fetch_add(1, Relaxed);
        // Release: as above, for the data. Acquire: pairs with the exchange in `take_turn` that
        // cleared `PENDING`. Without it the write to `next` may overtake the read of that poll.
        let old = flags.fetch_or(bit | PENDING, AcqRel);
        if old & (bit | DELETED) != 0 {
            // Another thread was first, or has deleted it. Relaxed: see `most_urgent`.
            self.counter(urgency).fetch_sub(1, Relaxed);
            return false;
        }
        if old & PENDING == 0 {
            if !ordered {
                // It has run since the look at `seen`. SAFETY: as below.
                unsafe { self.put_last(bh) };
            }
            // SAFETY: who sets `PENDING` pushes; until then nobody frees the bottom half.
            unsafe { self.push(bh) };
        }
        true
    }

    /// Gives the bottom half the last place among the scheduled.
    ///
    /// # Safety
    ///
    /// `bh` is of this queue and has not been freed.
    unsafe fn put_last(&self, bh: *mut BottomHalf<T>) {
        // SAFETY: live by this function's contract.
        let order = unsafe { &(*bh).order };
        // Relaxed: `push` publishes it; to a poll that has the bottom half already, either will do.
        order.store(self.issued.fetch_add(1, Relaxed), Relaxed);
    }

    /// Pushes onto `incoming`. The bottom half may be gone when this returns.
    ///
    /// # Safety
    ///
    /// The caller has turned `PENDING` from clear to set.
    unsafe fn push(&self, bh: *mut BottomHalf<T>) {
        // SAFETY: live until it is on the stack, by this function's contract.
        let next = unsafe { &(*bh).next };
        // Relaxed: only compared; a stale value costs one more round.
        let mut first = self.incoming.load(Relaxed);
        loop {
            // Relaxed: published by the exchange below.
            next.store(first, Relaxed);
            // Release: pairs with the exchange in `begin`. Without it that poll may read a stale
            // `next` or `order`. Another one's push does not break the chain: it is an exchange.
            match self.incoming.compare_exchange_weak(first, bh, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// Takes a schedule back. What was written before a schedule that this undoes is visible to
    /// the caller. Lock-free. Any thread and signal handlers.
    ///
    /// # Safety
    ///
    /// `bh` is of this queue and has not been freed.
    pub(crate) unsafe fn cancel(&self, bh: *mut BottomHalf<T>) {
        // SAFETY: live by this function's contract.
        let flags = unsafe { &(*bh).flags };
        // Acquire: pairs with the exchanges in `schedule`. Without it the caller cancels what told
        // it of a completion and then does not see the completion.
        let old = flags.fetch_and(!(SCHEDULED | IDLE), Acquire);
        if old & DELETED == 0 {
            self.uncount(old);
        }
    }

    /// Has the bottom half freed by a poll, and never run again. Lock-free. Any thread and signal
    /// handlers.
    ///
    /// # Safety
    ///
    /// `bh` is of this queue and has not been freed.
    pub(crate) unsafe fn delete(&self, bh: *mut BottomHalf<T>) {
        // SAFETY: live by this function's contract, at least until the exchange.
        let flags = unsafe { &(*bh).flags };
        // SAFETY: as above.
        let order = unsafe { &(*bh).order };
        // Not before what is queued already, or the next poll would have to sort it. Relaxed: it
        // is not going to run, so its place does not matter.
        order.store(self.issued.load(Relaxed).wrapping_sub(1), Relaxed);
        // Release: pairs with the exchange in `take_turn`. Without it the poll may free the memory
        // before the caller's last accesses to it. Acquire: as in `schedule`, for `next`.
        let old = flags.fetch_or(DELETED | PENDING, AcqRel);
        if old & DELETED != 0 {
            return;
        }
        self.uncount(old);
        if old & PENDING == 0 {
            // SAFETY: who sets `PENDING` pushes; until then nobody frees the bottom half.
            unsafe { self.push(bh) };
        }
    }

    /// Takes a bottom half with these flags out of the counts.
    fn uncount(&self, flags: u8) {
        if flags & SCHEDULED != 0 {
            // Relaxed: see `most_urgent`.
            self.scheduled.fetch_sub(1, Relaxed);
        }
        if flags & IDLE != 0 {
            // Relaxed: see `most_urgent`.
            self.idle.fetch_sub(1, Relaxed);
        }
    }

    /// Begins a poll: what is scheduled by now is its own. `None` if there is nothing to do. Each
    /// poll that begins must take turns until there are none.
    pub(crate) fn begin(&self) -> Option<Pass> {
        // Relaxed: what is missed here was not scheduled before the caller last looked, and keeps
        // the loop from sleeping.
        if self.incoming.load(Relaxed).is_null() && self.most_urgent().is_none() {
            return None;
        }
        Some(self.with_polls(|polls| {
            // Acquire: pairs with the exchange in `push`.
            let mut bh = self.incoming.swap(ptr::null_mut(), Acquire);
            // Relaxed: read behind the exchange, so it is above the order of all that were taken.
            polls.limit = self.issued.load(Relaxed);
            polls.running += 1;
            let mut later = std::mem::take(&mut polls.later);
            polls.ready.extend(later.drain(..));
            polls.later = later;
            let taken = polls.ready.len();
            while !bh.is_null() {
                polls.ready.push_back(bh);
                // SAFETY: pending, so not freed.
                let next = unsafe { &(*bh).next };
                // Relaxed: ordered by the exchange above.
                bh = next.load(Relaxed);
            }
            polls.sort(taken);
            Pass { limit: polls.limit }
        }))
    }

    /// The next bottom half to run. With `None` the poll has ended; `pass` is not used again.
    pub(crate) fn take_turn(&self, pass: Pass) -> Option<Turn<T>> {
        self.with_polls(|polls| {
            while let Some(&bh) = polls.ready.front() {
                // SAFETY: pending, so not freed.
                let bottom_half = unsafe { &*bh };
                // Relaxed: ordered by the lock or by `push`; of one that is being scheduled again
                // at this moment, either order will do.
                let order = bottom_half.order.load(Relaxed);
                // Relaxed: one that is being deleted at this moment is found out below.
                let deleted = bottom_half.flags.load(Relaxed) & DELETED != 0;
                if !deleted && !before(order, pass.limit) && before(order, polls.limit) {
                    // Of a poll that another thread has begun since.
                    break;
                }
                polls.ready.pop_front();
                if !deleted && !before(order, polls.limit) {
                    polls.later.push(bh);
                    continue;
                }
                let task = bottom_half.task;
                // Acquire: pairs with the exchanges in `schedule` and `delete`, for the data and
                // for the memory. Release: pairs with the exchange in `schedule` that sets
                // `PENDING` next, for `next`.
                let old = bottom_half.flags.fetch_and(!(SCHEDULED | IDLE | PENDING), AcqRel);
                if old & DELETED != 0 {
                    polls.dead.push(bh);
                    continue;
                }
                self.uncount(old);
                // Without either, it was cancelled.
                if old & SCHEDULED != 0 {
                    return Some(Turn { task, urgency: Urgency::Now });
                } else if old & IDLE != 0 {
                    return Some(Turn { task, urgency: Urgency::Idle });
                }
            }
            polls.running -= 1;
            if polls.running == 0 {
                polls.free_dead();
            }
            None
        })
    }
}

impl<T> Polls<T> {
    /// Puts what a poll found in order. `ready` has what outer polls left and earlier ones put off,
    /// and from `taken` what was on the stack, newest first.
    fn sort(&mut self, taken: usize) {
        let ready = self.ready.make_contiguous();
        ready.get_mut(taken..).unwrap_or_default().reverse();
        // SAFETY: pending, so not freed. Relaxed: ordered by the lock or by `push`.
        let order = |bh: &*mut BottomHalf<T>| unsafe { &**bh }.order.load(Relaxed);
        let sorted = ready.windows(2).all(|pair| match pair {
            [a, b] => !before(order(b), order(a)),
            _ => true,
        });
        // Only where something was cancelled and scheduled again, or two threads raced.
        if !sorted {
            // Relative to the limit, because the numbers wrap round. Cached, because other threads
            // may change them meanwhile.
            let limit = self.limit;
            ready.sort_by_cached_key(|bh| order(bh).wrapping_sub(limit) as isize);
        }
    }

    /// Frees what has been deleted.
    fn free_dead(&mut self) {
        while let Some(bh) = self.dead.pop() {
            // SAFETY: deleted and off the queue, so nobody but this function knows it.
            let bh = unsafe { Box::from_raw(bh) };
            // Relaxed: ordered by the lock.
            let index = bh.index.load(Relaxed);
            self.all.swap_remove(index);
            if let Some(&moved) = self.all.get(index) {
                // SAFETY: in `all`, so not freed.
                let moved = unsafe { &(*moved).index };
                moved.store(index, Relaxed);
            }
        }
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        let polls = self.polls.get_mut().unwrap_or_else(PoisonError::into_inner);
        for bh in polls.all.drain(..) {
            // SAFETY: in `all`, so not freed, and with the queue goes who may use it.
            drop(unsafe { Box::from_raw(bh) });
        }
    }
}

// For the tests, which compile this file as a module of their own.
#[cfg(test)]
#[allow(dead_code)] // Not by every one of them.
impl<T: Copy + Send + Sync> Queue<T> {
    /// How many bottom halves have not been freed.
    pub(crate) fn count(&self) -> usize {
        self.with_polls(|polls| polls.all.len())
    }

    /// Has the orders begin at a number. Before anything is scheduled.
    pub(crate) fn start_at(&self, order: usize) {
        self.issued.store(order, Relaxed);
    }
}
