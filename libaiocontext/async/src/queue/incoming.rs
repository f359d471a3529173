//! The stack of bottom halves that have been scheduled or deleted since a poll last looked: the
//! lock-free side of the queue.

use std::iter;
use std::ptr;

use super::bottom_half::{BottomHalf, Live, Urgency};
use crate::sync::{
    AtomicBool, AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// A Treiber stack, of which a poll takes all at once.
pub(super) struct Incoming<T> {
    newest: AtomicPtr<BottomHalf<T>>,
    /// Whether a bottom half was found `PENDING` when it was scheduled: another thread may not have
    /// pushed it yet.
    doubted: AtomicBool,
    /// Whether something urgent has been pushed; a hint that spares the loop the lock, and costs one
    /// spurious turn at worst.
    urgent: AtomicBool,
    /// Whether a schedule has been cancelled, so that the hint may mislead.
    cancelled: AtomicBool,
}

impl<T> Incoming<T> {
    pub(super) fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
            doubted: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
        }
    }

    /// Whether a poll finds nothing here.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // A caller that may sleep has executed a full fence since it announced that, which pairs
        // with the fence of the notification that follows the push. What another caller misses was
        // not scheduled before it last looked. Acquire: pairs with the exchanges in `take` and
        // `take_doubt`. Without it the caller may read what it knows of the locked side as it was
        // before another thread took what was here.
        self.newest.load(Acquire).is_null() && !self.doubted.load(Acquire)
    }

    /// Whether the stack is empty, for a caller with the lock.
    #[inline]
    pub(super) fn has_none(&self) -> bool {
        // Relaxed: see `is_empty`.
        self.newest.load(Relaxed).is_null()
    }

    /// Whether an urgent one seems to be scheduled; false says nothing. Any thread; three loads.
    #[inline]
    pub(super) fn has_urgent(&self) -> bool {
        // Relaxed: hints. They are cleared before the stack is taken, so while the stack is not
        // empty they are about what is on it.
        self.urgent.load(Relaxed)
            && !self.cancelled.load(Relaxed)
            && !self.newest.load(Relaxed).is_null()
    }

    /// Pushes a bottom half whose `PENDING` the caller has set.
    #[inline]
    pub(super) fn push(&self, bh: Live<T>) {
        // Relaxed: the exchange below looks again.
        let mut head = self.newest.load(Relaxed);
        loop {
            // Relaxed: published by the exchange below.
            bh.next.store(head, Relaxed);
            // Release: pairs with the exchange in `take`. Without it a poll reads an old `next`.
            // Relaxed where it fails: only the next try counts.
            match self.newest.compare_exchange_weak(head, bh.0, Release, Relaxed) {
                // From here on the bottom half may have run, and be gone.
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Notes that what has just been pushed is urgent.
    #[inline]
    pub(super) fn hint_urgency(&self, urgency: Urgency) {
        // Relaxed: a hint. Not stored again where it is set, because other threads read it.
        if urgency == Urgency::Now && !self.urgent.load(Relaxed) {
            self.urgent.store(true, Relaxed);
        }
    }

    /// Notes that an urgent schedule has been cancelled.
    pub(super) fn mistrust_hint(&self) {
        // Relaxed: a hint.
        self.cancelled.store(true, Relaxed);
    }

    /// Makes the next poll look for what other threads were about to push.
    #[cold]
    pub(super) fn doubt(&self) {
        // An exchange also where nothing changes. Release: pairs with the exchange in `take_doubt`.
        // Without it the poll may look at flags from before the schedule.
        self.doubted.swap(true, Release);
    }

    /// Clears the hints. Before [`Self::take`].
    #[inline]
    pub(super) fn clear_hints(&self) {
        // Relaxed: hints.
        self.urgent.store(false, Relaxed);
        self.cancelled.store(false, Relaxed);
    }

    /// Takes the whole stack, newest first.
    #[inline]
    pub(super) fn take(&self) -> impl Iterator<Item = Live<T>> {
        // Acquire: pairs with the exchange in `push`. Release: with the load in `is_empty`.
        let newest = self.newest.swap(ptr::null_mut(), AcqRel);
        let live = |bh: *mut BottomHalf<T>| (!bh.is_null()).then_some(Live(bh));
        // Each is pending, so it has not been freed. Relaxed: ordered by the exchange above.
        iter::successors(live(newest), move |bh| live(bh.next.load(Relaxed)))
    }

    /// Whether anything is in doubt.
    #[inline]
    pub(super) fn is_doubted(&self) -> bool {
        // Relaxed: a doubt that is missed notifies.
        self.doubted.load(Relaxed)
    }

    /// Takes the doubt back. The caller then looks at all bottom halves.
    pub(super) fn take_doubt(&self) {
        // Acquire: pairs with the exchange in `doubt`. Release: with the load in `is_empty`.
        self.doubted.swap(false, AcqRel);
    }
}
