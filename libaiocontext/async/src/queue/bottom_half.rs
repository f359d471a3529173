//! One bottom half: its flags, and its places in the queue.

use std::ops::Deref;
use std::ptr;

use crate::sync::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicUsize,
    Ordering::{AcqRel, Relaxed},
};

/// To be run, and the loop must not sleep.
pub(super) const SCHEDULED: u8 = 1;
/// To be run, but the loop may sleep for a while first.
pub(super) const IDLE: u8 = 2;
/// On the stack or on `ready`, or about to be pushed by the thread that has set this.
pub(super) const PENDING: u8 = 4;
/// Never to be run again; freed when no poll is under way.
pub(super) const DELETED: u8 = 8;

/// How soon a bottom half is to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    /// The loop must not sleep before.
    Now,
    /// The loop may sleep for a while, and running it does not count as progress.
    Idle,
}

/// A bottom half with what its callback needs.
pub(crate) struct BottomHalf<T> {
    pub(super) flags: AtomicU8,
    /// How often `ready` has it: once from the stack, and once more from a doubt. The lock protects
    /// this, `is_done` and `index`.
    pub(super) listed: AtomicU8,
    /// Whether it is deleted and off the stack, so that it is dead once `ready` no longer has it.
    pub(super) is_done: AtomicBool,
    /// Its index in the list of all.
    pub(super) index: AtomicUsize,
    /// The next on the stack, which was pushed before this one.
    pub(super) next: AtomicPtr<BottomHalf<T>>,
    pub(super) task: T,
}

impl<T> BottomHalf<T> {
    /// One that is not scheduled.
    pub(super) fn new(task: T) -> Self {
        Self {
            flags: AtomicU8::new(0),
            listed: AtomicU8::new(0),
            is_done: AtomicBool::new(false),
            index: AtomicUsize::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            task,
        }
    }

    /// What it was made with.
    pub(crate) fn task(&self) -> &T {
        &self.task
    }

    /// Sets its flags for a schedule; returns those from before.
    #[inline]
    pub(super) fn mark_scheduled(&self, urgency: Urgency) -> u8 {
        let bit = match urgency {
            Urgency::Now => SCHEDULED,
            Urgency::Idle => IDLE,
        };
        // Release: pairs with the exchange in `take_turn` or `mark_cancelled`. Without it a callback
        // misses the data that it is scheduled for. Acquire: pairs with the exchange in `take_turn`
        // that cleared `PENDING`. Without it the write to `next` may overtake that poll's read.
        self.flags.fetch_or(bit | PENDING, AcqRel)
    }

    /// Clears what a schedule has set, but for `PENDING`; returns the flags from before.
    pub(super) fn mark_cancelled(&self) -> u8 {
        // Acquire: pairs with the exchange in `mark_scheduled`. Without it the caller may miss what
        // was written before the schedule that it cancels. Release: what the caller wrote before is
        // visible to a callback that a later schedule leads to.
        self.flags.fetch_and(!(SCHEDULED | IDLE), AcqRel)
    }

    /// Sets its flags for a deletion; returns those from before.
    pub(super) fn mark_deleted(&self) -> u8 {
        // Release: pairs with the exchange in `take_turn`. Without it the memory may be freed before
        // the caller's last accesses to it. Acquire: as in `mark_scheduled`, for `next`.
        self.flags.fetch_or(DELETED | PENDING, AcqRel)
    }

    /// How urgently it is scheduled, if it is.
    pub(super) fn urgency(&self) -> Option<Urgency> {
        // Relaxed: a schedule that is missed notifies.
        match self.flags.load(Relaxed) & (SCHEDULED | IDLE | DELETED) {
            0 => None,
            flags if flags & DELETED != 0 => None,
            flags if flags & SCHEDULED != 0 => Some(Urgency::Now),
            _ => Some(Urgency::Idle),
        }
    }
}

/// A bottom half that has not been freed: the queue has it, or a caller vouches for it.
pub(super) struct Live<T>(pub(super) *mut BottomHalf<T>);

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
