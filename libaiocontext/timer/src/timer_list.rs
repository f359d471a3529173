//! A list of timers on a clock.

use core::ffi::c_void;
use core::ops::Deref;
use core::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::QEMUClockType;
use aio_notify::ffi::thread::this_thread;
use aio_notify::ffi::Opaque;
use aio_notify::{unpoisoned, view};
use aiocontext_fork::{Linked, Links};

use crate::clock::Clock;
use crate::heap::Heap;
use crate::running_threads::{RunningThreads, Thread, Within};
use crate::timer_ref::TimerRef;
use crate::wait_cycles::{self, Occupied};

/// The first deadline of a list without armed timers.
const NONE: i64 = -1;

/// What `QEMUTimerList` is. Counted, so that a callback may free the list that it runs in.
pub(crate) struct List {
    clock: &'static Clock,
    cb: QEMUTimerListNotifyCB,
    opaque: Opaque,
    /// The heap's first deadline, or [`NONE`]. Written within the lock.
    first: AtomicI64,
    queue: Mutex<Queue>,
    /// Signalled where `waiting` is not 0 and a thread has left `running` or `notifying`.
    changed: Condvar,
    links: Links<Self>,
}

impl Linked for List {
    fn links(&self) -> &Links<Self> {
        &self.links
    }
}

struct Queue {
    heap: Heap,
    /// The threads that run the list's timers, as often as they do.
    running: RunningThreads,
    /// The threads that call `cb` because the clock has changed.
    notifying: RunningThreads,
    waiting: usize,
    freed: bool,
}

impl Queue {
    /// The threads but `thread` that are within something of the list.
    fn threads_within(&self, within: Within, thread: Thread) -> impl Iterator<Item = Thread> + '_ {
        match within {
            Within::Timers => self.running.all_but(thread),
            Within::Notification => self.notifying.all_but(thread),
        }
    }
}

impl List {
    pub(crate) fn new(
        clock: &'static Clock,
        cb: QEMUTimerListNotifyCB,
        opaque: *mut c_void,
    ) -> Self {
        let queue = Queue {
            heap: Heap::new(),
            running: RunningThreads::new(),
            notifying: RunningThreads::new(),
            waiting: 0,
            freed: false,
        };
        Self {
            clock,
            cb,
            opaque: Opaque(opaque),
            first: AtomicI64::new(NONE),
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            links: Links::new(),
        }
    }

    pub(crate) fn clock(&self) -> &'static Clock {
        self.clock
    }

    pub(crate) fn clock_type(&self) -> QEMUClockType {
        self.clock.kind
    }

    /// The first deadline in ns on the list's clock, if a timer is armed.
    #[inline]
    pub(crate) fn first(&self) -> Option<i64> {
        // Relaxed: no later read depends on it. A loop that chooses its timeout by it does not
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
    pub(crate) fn arm(
        &self,
        timer: TimerRef<'static>,
        deadline: i64,
        only_forward: bool,
        function: &str,
    ) {
        let deadline = deadline.max(0);
        let is_first = {
            let mut queue = unpoisoned!(self.queue.lock());
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
    pub(crate) fn disarm(&self, timer: TimerRef<'_>, function: &str) {
        let mut queue = unpoisoned!(self.queue.lock());
        if timer.is_armed() {
            queue.heap.disarm(timer, function);
            self.publish_first(&queue);
        }
    }

    /// The timer's deadline in ns, -1 while not armed.
    pub(crate) fn deadline_of(&self, timer: TimerRef<'_>) -> i64 {
        let _queue = unpoisoned!(self.queue.lock());
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
            Some(cb) => unsafe { cb(self.opaque.0) },
            None => aiocontext_weak_imports::notify_event(),
        }
    }

    /// Notifies a list that another thread may free at the same time, which then waits.
    pub(crate) fn notify_unless_freed(&self) {
        {
            let mut queue = unpoisoned!(self.queue.lock());
            if queue.freed {
                return;
            }
            queue.notifying.enter();
        }
        self.notify();
        let mut queue = unpoisoned!(self.queue.lock());
        queue.notifying.leave();
        self.tell_waiting(&queue);
    }

    fn run_until(&self, now: i64) -> bool {
        let mut progress = false;
        let mut queue = unpoisoned!(self.queue.lock());
        queue.running.enter();
        // The clock may be stopped meanwhile; the thread that stops it then waits for this one.
        while self.clock.is_enabled() {
            let Some(timer) = queue.heap.due(now) else { break };
            let (cb, opaque) = (timer.cb(), timer.opaque());
            queue.heap.disarm(timer, "timerlist_run_timers");
            self.publish_first(&queue);
            drop(queue);
            progress = true;
            if let Some(cb) = cb {
                // SAFETY: the callback with its own argument; nothing is held, and the timer is
                // not accessed any more.
                unsafe { cb(opaque) };
            }
            queue = unpoisoned!(self.queue.lock());
        }
        queue.running.leave();
        self.tell_waiting(&queue);
        progress
    }

    fn tell_waiting(&self, queue: &Queue) {
        if queue.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits until no other thread is within something of the list, but for those that wait for the
    /// calling thread. Returns false if there were such.
    pub(crate) fn wait_for_others(self: &Arc<Self>, within: Within) -> bool {
        let this = this_thread();
        if self.threads_within(within, this).is_empty() {
            return true;
        }
        let except = wait_cycles::begin(this, self.clone(), within);
        let mut queue = unpoisoned!(self.queue.lock());
        queue.waiting += 1;
        while queue.threads_within(within, this).any(|other| !except.contains(&other)) {
            queue = unpoisoned!(self.changed.wait(queue));
        }
        queue.waiting -= 1;
        drop(queue);
        wait_cycles::end(this);
        except.is_empty()
    }

    /// Notes that C has freed the list: it is not notified any more.
    pub(crate) fn mark_freed(&self) {
        unpoisoned!(self.queue.lock()).freed = true;
    }

    /// Waits for the timers' callbacks that other threads run and that do not wait for this one.
    pub(crate) fn wait_for_callbacks(self: &Arc<Self>) {
        self.wait_for_others(Within::Timers);
    }
}

impl Occupied for List {
    fn threads_within(&self, within: Within, thread: Thread) -> Vec<Thread> {
        unpoisoned!(self.queue.lock()).threads_within(within, thread).collect()
    }
}

/// A list's own count of it.
///
/// # Safety
///
/// `list` lives, in an [`Arc`].
pub(crate) unsafe fn counted(list: *const List) -> Arc<List> {
    // SAFETY: by this function's contract.
    unsafe { Arc::increment_strong_count(list) };
    // SAFETY: the count above is this one's.
    unsafe { Arc::from_raw(list) }
}

view! {
    /// A list by the pointer that C has. It is not freed before `'a` ends, or only by a callback that
    /// it calls.
    pub(crate) struct ListRef(QEMUTimerList) {}
}

impl Deref for ListRef<'_> {
    type Target = List;

    #[inline]
    fn deref(&self) -> &List {
        // SAFETY: made by `clock_lists::create`, and live by the type's contract.
        unsafe { &*self.as_ptr().cast::<List>() }
    }
}

impl ListRef<'_> {
    /// The list, to be kept when C frees it.
    pub(crate) fn counted(self) -> Arc<List> {
        // SAFETY: made by `clock_lists::create` in an `Arc`, and live by the type's contract.
        unsafe { counted(self.as_ptr().cast()) }
    }

    /// Runs the timers that are due now; a callback may free the list. Returns true if there was one.
    #[inline]
    pub(crate) fn run(self) -> bool {
        self.first().is_some_and(|first| self.run_due(first))
    }

    /// The part of [`Self::run`] for a list with armed timers.
    fn run_due(self, first: i64) -> bool {
        if !self.clock.is_enabled() {
            return false;
        }
        // One look at the clock, so that a callback that arms its timer anew for a moment later
        // does not keep the loop from its other work.
        let now = self.clock.now();
        first <= now && self.counted().run_until(now)
    }
}
