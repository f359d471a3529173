//! The bottom halves of a context, and those that are to run.
//!
//! Scheduling pushes onto `incoming`, a Treiber stack, once until a poll has taken the bottom half
//! off again (`PENDING`). A poll takes the whole stack and runs it from `ready`, oldest first. A
//! bottom half that is not scheduled is on neither and costs nothing.
//!
//! The lock is only for those who poll, make, free or compute a timeout: scheduling, cancelling and
//! deleting never take it, so that signal handlers may schedule. It is never held while a callback
//! runs.
//!
//! **A thread that stops** between setting `PENDING` and its push must not hold up others that
//! schedule the same bottom half. They cannot push it as well, nor tell whether it has been pushed;
//! so they raise `doubted`, and a poll looks at all bottom halves. They no longer touch this one:
//! its callback may have run, and deleted it.
//!
//! **Cancelling** only takes the schedule back; the bottom half stays queued until a poll drops it,
//! and keeps its place if it is scheduled again before that.
//!
//! **Deleting** marks the bottom half and leaves it to a poll to free it, once no poll is under
//! way any more: until then scheduling or cancelling it does nothing, but on live memory.

use std::collections::VecDeque;
use std::ops::Deref;
use std::ptr;

use aio_notify::unpoisoned;

use crate::sync::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Mutex,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// To be run, and the loop must not sleep.
const SCHEDULED: u8 = 1;
/// To be run, but the loop may sleep a while first.
const IDLE: u8 = 2;
/// On `incoming` or `ready`, or about to be pushed by the thread that has set this.
const PENDING: u8 = 4;
/// Never to be run again; freed when no poll is under way.
const DELETED: u8 = 8;

/// How soon a bottom half is to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    /// The loop must not sleep before.
    Now,
    /// The loop may sleep a while, and it does not count as progress.
    Idle,
}

/// A bottom half with what its callback needs.
pub(crate) struct BottomHalf<T> {
    flags: AtomicU8,
    /// How often `ready` has it: once from the stack, and once more from a doubt. The lock protects
    /// this, `is_done` and `index`.
    listed: AtomicU8,
    /// Whether it is deleted and off the stack, so that it goes when `ready` has it no more.
    is_done: AtomicBool,
    /// Its place in [`Polls::all`].
    index: AtomicUsize,
    /// The next on `incoming`, which was pushed before this one.
    next: AtomicPtr<BottomHalf<T>>,
    task: T,
}

impl<T> BottomHalf<T> {
    /// What it was made with.
    pub(crate) fn task(&self) -> &T {
        &self.task
    }
}

/// A bottom half that has not been freed: one that the queue has, or that a caller vouches for.
struct Live<T>(*mut BottomHalf<T>);

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Live<T> {}

impl<T> Deref for Live<T> {
    type Target = BottomHalf<T>;

    #[inline]
    fn deref(&self) -> &BottomHalf<T> {
        // SAFETY: not freed, by the type's contract; all that changes is atomic.
        unsafe { &*self.0 }
    }
}

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

/// The queue of one context. It frees its bottom halves when it is dropped.
pub(crate) struct Queue<T> {
    /// Scheduled or deleted since a poll last looked, newest first.
    incoming: AtomicPtr<BottomHalf<T>>,
    /// Whether one was found `PENDING` when it was scheduled.
    doubted: AtomicBool,
    /// Whether `ready` has any; for a look without the lock.
    kept: AtomicBool,
    /// Whether something urgent has been pushed onto `incoming`; a hint that spares
    /// [`Self::most_urgent`] the lock, at worst for one turn too many.
    urgent: AtomicBool,
    /// Whether a schedule has been taken back, so that the hint may mislead.
    taken_back: AtomicBool,
    polls: Mutex<Polls<T>>,
}

/// The side of those who poll.
struct Polls<T> {
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

/// A place in `ready`.
struct Entry<T> {
    bh: Live<T>,
    /// The first poll that may run it.
    pass: u64,
    /// Whether it comes from the stack, so that it may be pushed again once it is taken.
    pushed: bool,
}

// SAFETY: the pointers are the queue's own allocations; `T`, which any thread may run or free, is
// `Send` and, because every thread may look at it, `Sync`.
unsafe impl<T: Send + Sync> Send for Polls<T> {}

impl<T: Copy + Send + Sync> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            incoming: AtomicPtr::new(ptr::null_mut()),
            doubted: AtomicBool::new(false),
            kept: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            taken_back: AtomicBool::new(false),
            polls: Mutex::new(Polls {
                ready: VecDeque::new(),
                dead: Vec::new(),
                running: 0,
                begun: 0,
                all: Vec::new(),
            }),
        }
    }

    /// Runs `f` with the lock. Nothing panics with it, so nothing is left half done.
    fn with_polls<R>(&self, f: impl FnOnce(&mut Polls<T>) -> R) -> R {
        f(&mut unpoisoned!(self.polls.lock()))
    }

    /// Makes a bottom half, not scheduled. Any thread.
    pub(crate) fn add(&self, task: T) -> *mut BottomHalf<T> {
        let bh = Box::into_raw(Box::new(BottomHalf {
            flags: AtomicU8::new(0),
            listed: AtomicU8::new(0),
            is_done: AtomicBool::new(false),
            index: AtomicUsize::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            task,
        }));
        self.with_polls(|polls| {
            // Relaxed, here and wherever the index is read: the lock orders it.
            Live(bh).index.store(polls.all.len(), Relaxed);
            polls.all.push(Live(bh));
        });
        bh
    }

    /// Whether there is nothing to look at.
    #[inline]
    fn is_empty(&self) -> bool {
        // A caller that may sleep has had a full fence since it said so, which pairs with the one of
        // the notification that follows the push. What another caller misses was not scheduled
        // before it last looked. Acquire: pairs with the exchanges in `absorb`. Without it `kept`
        // may be one from before another thread has taken what was there.
        self.incoming.load(Acquire).is_null()
            && !self.doubted.load(Acquire)
            && !self.kept.load(Relaxed)
    }

    /// Whether it seems that one is scheduled that is not idle; if not, it may be so all the same. Any
    /// thread; three loads.
    #[inline]
    pub(crate) fn has_urgent(&self) -> bool {
        // Relaxed: hints. They are cleared before the stack is taken, so that with a stack that is
        // not empty they are of what is on it.
        self.urgent.load(Relaxed)
            && !self.taken_back.load(Relaxed)
            && !self.incoming.load(Relaxed).is_null()
    }

    /// Whether any is scheduled, and how urgently. To a caller that has had a full fence since it
    /// announced that it will sleep it tells of every one whose schedule has returned. Any thread;
    /// three loads where there is none.
    pub(crate) fn most_urgent(&self) -> Option<Urgency> {
        if self.is_empty() {
            return None;
        }
        if self.has_urgent() {
            return Some(Urgency::Now);
        }
        self.with_polls(|polls| {
            self.absorb(polls);
            let mut urgency = None;
            for entry in &polls.ready {
                // Relaxed: a schedule that is missed notifies.
                match entry.bh.flags.load(Relaxed) & (SCHEDULED | IDLE | DELETED) {
                    flags if flags & DELETED != 0 => {}
                    flags if flags & SCHEDULED != 0 => return Some(Urgency::Now),
                    0 => {}
                    _ => urgency = Some(Urgency::Idle),
                }
            }
            urgency
        })
    }

    /// Has the bottom half run in the next poll, once. Returns whether the loop must be notified:
    /// unless it has been deleted. Lock-free. Any thread and signal handlers.
    ///
    /// # Safety
    ///
    /// `bh` is of this queue and has not been freed.
    #[inline]
    pub(crate) unsafe fn schedule(&self, bh: *mut BottomHalf<T>, urgency: Urgency) -> bool {
        let bit = match urgency {
            Urgency::Now => SCHEDULED,
            Urgency::Idle => IDLE,
        };
        let bh = Live(bh);
        // Release: pairs with the exchange in `take_turn` or `cancel`. Without it a callback misses
        // the data that it is scheduled for. Acquire: pairs with the exchange in `take_turn` that
        // cleared `PENDING`. Without it the write to `next` may overtake the read of that poll.
        let old = bh.flags.fetch_or(bit | PENDING, AcqRel);
        if old & (PENDING | DELETED) == 0 {
            // This thread has set `PENDING`, so nobody else pushes it, and nobody frees it.
            self.push(bh);
            // Relaxed: a hint. Not stored where it stands, for other threads read it.
            if urgency == Urgency::Now && !self.urgent.load(Relaxed) {
                self.urgent.store(true, Relaxed);
            }
        } else if old & DELETED != 0 {
            return false;
        } else {
            self.doubt();
        }
        true
    }

    /// Puts a bottom half on the stack, whose `PENDING` the caller has set.
    #[inline]
    fn push(&self, bh: Live<T>) {
        // Relaxed: the exchange below looks again.
        let mut head = self.incoming.load(Relaxed);
        loop {
            // Relaxed: published by the exchange below.
            bh.next.store(head, Relaxed);
            // Release: pairs with the exchange in `absorb`. Without it a poll reads an old `next`.
            // Relaxed where it fails: only the next try counts.
            match self.incoming.compare_exchange_weak(head, bh.0, Release, Relaxed) {
                // From here on the bottom half may have run, and be gone.
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Has the next poll look for what other threads were to push.
    #[cold]
    fn doubt(&self) {
        // An exchange also where nothing changes. Release: pairs with the exchange in `absorb`.
        // Without it the poll may look at flags from before the schedule.
        self.doubted.swap(true, Release);
    }

    /// Takes a schedule back. Lock-free. Any thread and signal handlers.
    ///
    /// # Safety
    ///
    /// As for [`Self::schedule`].
    pub(crate) unsafe fn cancel(&self, bh: *mut BottomHalf<T>) {
        let bh = Live(bh);
        // Acquire: pairs with the exchange in `schedule`. Without it the caller may miss what was
        // written before the schedule that it takes back. Release: what the caller wrote before is
        // visible to a callback that a later schedule leads to.
        let old = bh.flags.fetch_and(!(SCHEDULED | IDLE), AcqRel);
        self.mistrust_hint(old);
    }

    fn mistrust_hint(&self, old: u8) {
        if old & SCHEDULED != 0 {
            // Relaxed: a hint.
            self.taken_back.store(true, Relaxed);
        }
    }

    /// Has the bottom half never run again and freed. Lock-free. Any thread and signal handlers.
    ///
    /// # Safety
    ///
    /// As for [`Self::schedule`].
    pub(crate) unsafe fn delete(&self, bh: *mut BottomHalf<T>) {
        let bh = Live(bh);
        // Release: pairs with the exchange in `take_turn`. Without it the memory may be freed
        // before the caller's last accesses to it. Acquire: as in `schedule`, for `next`.
        let old = bh.flags.fetch_or(DELETED | PENDING, AcqRel);
        self.mistrust_hint(old);
        if old & (DELETED | PENDING) == 0 {
            self.push(bh);
        }
    }

    /// Moves what has been scheduled to `ready`, for the next poll that begins.
    #[inline]
    fn absorb(&self, polls: &mut Polls<T>) {
        let pass = polls.begun + 1;
        // Relaxed: see `is_empty`.
        if !self.incoming.load(Relaxed).is_null() {
            // Relaxed: hints.
            self.urgent.store(false, Relaxed);
            self.taken_back.store(false, Relaxed);
            // Before it is taken, for who looks without the lock. Relaxed: the exchange publishes it.
            self.kept.store(true, Relaxed);
            // Acquire: pairs with the exchange in `push`. Release: with the load in `is_empty`.
            let mut bh = self.incoming.swap(ptr::null_mut(), AcqRel);
            let old = polls.ready.len();
            while !bh.is_null() {
                // Pending, so not freed.
                polls.list(Entry { bh: Live(bh), pass, pushed: true });
                // Relaxed: ordered by the exchange above.
                bh = Live(bh).next.load(Relaxed);
            }
            // Only for speed: a single one is in order.
            if polls.ready.len() - old > 1 {
                if let Some(new) = polls.ready.make_contiguous().get_mut(old..) {
                    new.reverse();
                }
            }
        }
        // Relaxed: a doubt that is missed notifies.
        if self.doubted.load(Relaxed) {
            // As above.
            self.kept.store(true, Relaxed);
            // Acquire: pairs with the exchange in `doubt`. Release: with the load in `is_empty`.
            self.doubted.swap(false, AcqRel);
            for index in 0..polls.all.len() {
                polls.list_if_scheduled(polls.all[index], pass);
            }
        }
        self.publish(polls);
    }

    #[inline]
    fn publish(&self, polls: &Polls<T>) {
        // Relaxed: see `is_empty`. A poller that leaves something has the loop look again.
        self.kept.store(!polls.ready.is_empty(), Relaxed);
    }

    /// Begins a poll: what is scheduled by now is its own. `None` if there is nothing to do. Each
    /// poll that begins must take turns until there are none.
    #[inline]
    pub(crate) fn begin(&self) -> Option<Pass> {
        if self.is_empty() {
            return None;
        }
        Some(self.with_polls(|polls| {
            self.absorb(polls);
            polls.begun += 1;
            polls.running += 1;
            Pass(polls.begun)
        }))
    }

    /// The next bottom half to run. With `None` the poll has ended; `pass` is not used again.
    #[inline]
    pub(crate) fn take_turn(&self, pass: Pass) -> Option<Turn<T>> {
        self.with_polls(|polls| {
            let turn = polls.take_turn(pass);
            self.publish(polls);
            if turn.is_none() {
                polls.running -= 1;
                if polls.running == 0 {
                    Self::free_dead(polls);
                }
            }
            turn
        })
    }

    /// Frees what has been deleted.
    fn free_dead(polls: &mut Polls<T>) {
        while let Some(bh) = polls.dead.pop() {
            // SAFETY: deleted and off the queue, so nobody but this function knows it.
            let bh = unsafe { Box::from_raw(bh.0) };
            // Relaxed: ordered by the lock.
            let index = bh.index.load(Relaxed);
            polls.all.swap_remove(index);
            if let Some(moved) = polls.all.get(index) {
                moved.index.store(index, Relaxed);
            }
        }
    }
}

impl<T: Copy> Polls<T> {
    #[inline]
    fn list(&mut self, entry: Entry<T>) {
        let listed = &entry.bh.listed;
        // Relaxed: ordered by the lock.
        listed.store(listed.load(Relaxed) + 1, Relaxed);
        self.ready.push_back(entry);
    }

    /// Puts a bottom half on `ready` that another thread may not have pushed yet.
    fn list_if_scheduled(&mut self, bh: Live<T>, pass: u64) {
        // Relaxed: ordered by the exchange of `doubted`.
        let flags = bh.flags.load(Relaxed);
        // Relaxed: ordered by the lock.
        if flags & (SCHEDULED | IDLE) != 0 && flags & DELETED == 0 && bh.listed.load(Relaxed) == 0 {
            self.list(Entry { bh, pass, pushed: false });
        }
    }

    #[inline]
    fn take_turn(&mut self, pass: Pass) -> Option<Turn<T>> {
        while let Some(&Entry { bh, pushed, .. }) =
            self.ready.front().filter(|entry| entry.pass <= pass.0)
        {
            self.ready.pop_front();
            // Relaxed, here and below: ordered by the lock.
            let listed = bh.listed.load(Relaxed) - 1;
            bh.listed.store(listed, Relaxed);
            let task = bh.task;
            let done = SCHEDULED | IDLE | if pushed { PENDING } else { 0 };
            // Acquire: pairs with the exchanges in `schedule` and `delete`, for the data and for
            // the memory. Release: pairs with the exchange in `schedule` that sets `PENDING` next,
            // for `next`.
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

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        let polls = unpoisoned!(self.polls.get_mut());
        for bh in polls.all.drain(..) {
            // SAFETY: in `all`, so not freed, and nobody may use it any more.
            drop(unsafe { Box::from_raw(bh.0) });
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

    /// The first half of [`Self::schedule`]: what a thread has done that stops before its push.
    ///
    /// # Safety
    ///
    /// As for [`Self::schedule`].
    pub(crate) unsafe fn stop_before_push(&self, bh: *mut BottomHalf<T>) {
        Live(bh).flags.fetch_or(SCHEDULED | PENDING, AcqRel);
    }
}
