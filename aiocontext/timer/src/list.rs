//! A list of timers on a clock.

use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::QEMUClockType;

use crate::clock::Clock;
use crate::heap::Heap;
use crate::timer_ref::TimerRef;
use crate::{lock, misuse};

/// The first deadline of a list without armed timers.
const NONE: i64 = -1;

/// What `QEMUTimerList` is. Counted, so that a callback may free the list that it runs in.
pub(crate) struct List {
    clock: &'static Clock,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
    /// The heap's first deadline, or [`NONE`]. Written within the lock.
    first: AtomicI64,
    queue: Mutex<Queue>,
    /// Signalled where `waiting` is not 0 and a thread has left `running` or `notifying`.
    changed: Condvar,
}

// SAFETY: `opaque` is only passed to `cb`, which may be called by any thread.
unsafe impl Send for List {}
// SAFETY: see above; all else is atomic or locked.
unsafe impl Sync for List {}

struct Queue {
    heap: Heap,
    /// The threads that run the list's timers, as often as they do.
    running: Vec<Thread>,
    /// The threads that call `cb` because the clock has changed.
    notifying: Vec<Thread>,
    waiting: usize,
    freed: bool,
}

type Thread = libc::pthread_t;

fn this_thread() -> Thread {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::pthread_self() }
}

fn remove_one(threads: &mut Vec<Thread>) {
    let this = this_thread();
    if let Some(last) = threads.iter().rposition(|&thread| thread == this) {
        threads.swap_remove(last);
    }
}

impl List {
    /// Makes a list of the clock's; `cb(opaque)` is called when its first deadline moves.
    pub(crate) fn create(
        clock: &'static Clock,
        cb: QEMUTimerListNotifyCB,
        opaque: *mut c_void,
    ) -> *mut QEMUTimerList {
        let queue = Queue {
            heap: Heap::new(),
            running: Vec::new(),
            notifying: Vec::new(),
            waiting: 0,
            freed: false,
        };
        let list = Arc::new(Self {
            clock,
            cb,
            opaque,
            first: AtomicI64::new(NONE),
            queue: Mutex::new(queue),
            changed: Condvar::new(),
        });
        let pointer = Arc::as_ptr(&list).cast_mut().cast();
        clock.add(list);
        pointer
    }

    /// The list behind a pointer of C's.
    ///
    /// # Safety
    ///
    /// `list` comes from [`Self::create`] and is not freed before `'a` ends.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(list: NonNull<QEMUTimerList>) -> &'a Self {
        // SAFETY: points to a live list by this function's contract.
        unsafe { list.cast::<Self>().as_ref() }
    }

    /// The list, to be kept when C frees it.
    ///
    /// # Safety
    ///
    /// As for [`Self::from_raw`].
    unsafe fn counted(list: NonNull<QEMUTimerList>) -> Arc<Self> {
        let list = list.cast::<Self>().as_ptr();
        // SAFETY: in an `Arc` of the clock's, which lives by this function's contract.
        unsafe { Arc::increment_strong_count(list) };
        // SAFETY: the count above is this one's.
        unsafe { Arc::from_raw(list) }
    }

    pub(crate) fn clock_type(&self) -> QEMUClockType {
        self.clock.kind
    }

    /// The first deadline in ns on the list's clock, if a timer is armed.
    #[inline]
    pub(crate) fn first(&self) -> Option<i64> {
        // Relaxed: nothing is read on the strength of it. A loop that goes to sleep by it does not
        // miss a timer that is armed meanwhile, because arming it notifies the loop, and the
        // notification's and the loop's full fences order the two.
        let first = self.first.load(Relaxed);
        (first != NONE).then_some(first)
    }

    /// ns to the first deadline, -1 for never.
    #[inline]
    pub(crate) fn deadline_ns(&self) -> i64 {
        match self.first() {
            Some(first) if self.clock.is_enabled() => first.saturating_sub(self.clock.now()).max(0),
            _ => -1,
        }
    }

    #[inline]
    pub(crate) fn has_due(&self) -> bool {
        self.first().is_some_and(|first| first <= self.clock.now())
    }

    /// Arms a timer of this list, or moves it. With `only_forward` not if it is armed for no
    /// later. Tells the list's loop where the timer is the first to be due. `function` is what the
    /// program has called.
    #[inline]
    pub(crate) fn arm(&self, timer: TimerRef, deadline: i64, only_forward: bool, function: &str) {
        let deadline = deadline.max(0);
        let is_first = {
            let mut queue = lock(&self.queue);
            if only_forward && timer.is_armed() && timer.deadline() <= deadline {
                return;
            }
            let is_first = queue.heap.arm(timer, deadline, function);
            self.publish_first(&queue);
            is_first
        };
        // From here on the timer may have run, and be gone.
        if is_first {
            self.clock.warp();
            self.notify();
        }
    }

    #[inline]
    pub(crate) fn disarm(&self, timer: TimerRef, function: &str) {
        let mut queue = lock(&self.queue);
        if timer.is_armed() {
            queue.heap.disarm(timer, function);
            self.publish_first(&queue);
        }
    }

    /// The timer's deadline in ns, -1 while not armed.
    pub(crate) fn deadline_of(&self, timer: TimerRef) -> i64 {
        let _queue = lock(&self.queue);
        timer.deadline()
    }

    #[inline]
    fn publish_first(&self, queue: &Queue) {
        // Relaxed: see `first`.
        self.first.store(queue.heap.first().unwrap_or(NONE), Relaxed);
    }

    /// Calls the notify callback; a list without one is the main loop's.
    pub(crate) fn notify(&self) {
        match self.cb {
            // SAFETY: the callback with its own argument; nothing is held.
            Some(cb) => unsafe { cb(self.opaque) },
            None => aiocontext_program::notify_event(),
        }
    }

    /// Notifies a list that another thread may free at the same time, which then waits.
    pub(crate) fn notify_unless_freed(&self) {
        {
            let mut queue = lock(&self.queue);
            if queue.freed {
                return;
            }
            queue.notifying.push(this_thread());
        }
        self.notify();
        let mut queue = lock(&self.queue);
        remove_one(&mut queue.notifying);
        self.tell_waiting(&queue);
    }

    /// Runs the timers that are due now. Returns true if there was one.
    ///
    /// # Safety
    ///
    /// As for [`Self::from_raw`]; a callback may free the list.
    pub(crate) unsafe fn run(list: NonNull<QEMUTimerList>) -> bool {
        // SAFETY: the same contract.
        let this = unsafe { Self::from_raw(list) };
        let Some(first) = this.first() else { return false };
        if !this.clock.is_enabled() {
            return false;
        }
        // One look at the clock, so that a callback that arms its timer anew for a moment later
        // does not keep the loop from its other work.
        let now = this.clock.now();
        if first > now {
            return false;
        }
        // SAFETY: the same contract.
        unsafe { Self::counted(list) }.run_until(now)
    }

    fn run_until(&self, now: i64) -> bool {
        let mut progress = false;
        let mut queue = lock(&self.queue);
        queue.running.push(this_thread());
        // The clock may be disabled meanwhile; who disables it then waits for this thread.
        while self.clock.is_enabled() {
            let Some(timer) = queue.heap.due(now) else { break };
            let (cb, opaque) = timer.callback();
            queue.heap.disarm(timer, "timerlist_run_timers");
            self.publish_first(&queue);
            drop(queue);
            progress = true;
            if let Some(cb) = cb {
                // SAFETY: the callback with its own argument; nothing is held, and the timer is
                // not accessed any more.
                unsafe { cb(opaque) };
            }
            queue = lock(&self.queue);
        }
        remove_one(&mut queue.running);
        self.tell_waiting(&queue);
        progress
    }

    fn tell_waiting(&self, queue: &Queue) {
        if queue.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits until no other thread is among those that `threads` says.
    fn wait_for_others(&self, threads: impl Fn(&Queue) -> &[Thread]) {
        let this = this_thread();
        let mut queue = lock(&self.queue);
        queue.waiting += 1;
        while threads(&queue).iter().any(|&thread| thread != this) {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.waiting -= 1;
    }

    /// Waits for the timers' callbacks that other threads run.
    pub(crate) fn wait_for_callbacks(&self) {
        self.wait_for_others(|queue| &queue.running);
    }

    /// Frees a list, which must not have armed timers.
    ///
    /// # Safety
    ///
    /// As for [`Self::from_raw`]; the list is not used any more.
    pub(crate) unsafe fn free(list: NonNull<QEMUTimerList>, function: &str) {
        // SAFETY: the same contract.
        let this = unsafe { Self::counted(list) };
        if this.first().is_some() {
            misuse(format_args!("{function}: a timer of the list is armed"));
        }
        this.clock.remove(&this);
        lock(&this.queue).freed = true;
        this.wait_for_others(|queue| &queue.notifying);
    }
}
