//! The threads that work off a pool's requests.
//!
//! The first worker is started from the loop's thread, by the pool's bottom half, and the others by
//! workers or from there: so what threads inherit does not depend on which thread submits.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{c_int, c_void};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use aio_notify::unpoisoned;
use aiocontext_fork::generation;

use crate::import::{qemu_bh_cancel, qemu_bh_schedule, BhRef};
use crate::request::Request;
use crate::request_queue::{Queue, Summon};
use crate::thread;

/// How long a worker waits for work before it ends, as in the reference.
const IDLE: Duration = Duration::from_secs(10);

/// The workers of a pool in one process.
pub(crate) struct Crew {
    /// The process. In another one its workers are gone, and its locks may be held for good: there
    /// nothing but this is accessed.
    generation: u32,
    queue: Mutex<Queue>,
    work: Condvar,
    /// How many threads have summoned a worker and have not woken it yet.
    waking: AtomicUsize,
    gone: Condvar,
    /// What is done and not reported.
    finished: Mutex<VecDeque<Request>>,
    /// The pool's bottom half.
    bh: BhRef<'static>,
}

impl Crew {
    /// A crew without workers.
    ///
    /// `bh` calls [`Self::start_wanted`] and [`Self::next_finished`]. It lives until [`Self::end`] has
    /// returned, and nobody else schedules or cancels it.
    pub(crate) fn new(bh: BhRef<'static>) -> Arc<Self> {
        Arc::new(Self {
            generation: generation(),
            queue: Mutex::new(Queue::default()),
            work: Condvar::new(),
            waking: AtomicUsize::new(0),
            gone: Condvar::new(),
            finished: Mutex::new(VecDeque::new()),
            bh,
        })
    }

    /// Whether the crew is this process's.
    pub(crate) fn is_here(&self) -> bool {
        self.generation == generation()
    }

    /// Makes the loop call the bottom half.
    pub(crate) fn schedule(&self) {
        qemu_bh_schedule(self.bh);
    }

    /// Undoes [`Self::schedule`]. The caller then looks for what is wanted and what is finished.
    pub(crate) fn unschedule(&self) {
        qemu_bh_cancel(self.bh);
    }

    /// Hands a request to the next worker that is free.
    pub(crate) fn submit(&self, request: Request) {
        let (summon, wanted) = self.enqueue(request);
        if summon == Summon::Waiting {
            self.wake();
        // Relaxed: the lock has ordered it behind the addition in `announce`, and a subtraction that
        // is seen was behind the wake-up.
        } else if self.waking.load(Relaxed) != 0 {
            // Another thread has summoned one and not woken it; it may be suspended.
            self.work.notify_one();
        }
        // Also where another submission wants it: its thread may be suspended before it schedules.
        if wanted {
            self.schedule();
        }
    }

    /// Queues a request. Returns what to do, and whether the bottom half is to start a worker.
    fn enqueue(&self, request: Request) -> (Summon, bool) {
        let mut queue = unpoisoned!(self.queue.lock());
        queue.push(request);
        let summon = queue.summon();
        queue.wanted |= summon == Summon::New;
        self.announce(summon);
        (summon, queue.wanted)
    }

    /// Says that [`Self::wake`] is to follow. With the lock held.
    fn announce(&self, summon: Summon) {
        if summon == Summon::Waiting {
            // Relaxed: the lock orders it with those who count on the wake-up.
            self.waking.fetch_add(1, Relaxed);
        }
    }

    /// Wakes the worker that was announced.
    fn wake(&self) {
        self.work.notify_one();
        // Relaxed: a thread that still sees it wakes one worker more than needed.
        self.waking.fetch_sub(1, Relaxed);
    }

    /// Takes over a request that no worker of the parent has started, in a crew without workers,
    /// whose bottom half the caller then schedules.
    pub(crate) fn inherit(&self, request: Request) {
        self.enqueue(request);
    }

    /// Takes a request back that no worker has taken; false if it is too late.
    pub(crate) fn take_back(&self, request: Request) -> bool {
        let mut queue = unpoisoned!(self.queue.lock());
        // Places are not used twice, so another request cannot be taken for it.
        let place = request.place();
        let found = queue.requests.get(&place) == Some(&request);
        if found {
            queue.requests.remove(&place);
        }
        found
    }

    /// Ends a request that this caller alone has, with its result.
    pub(crate) fn finish(&self, request: Request, result: c_int) {
        request.finish(result);
        self.add_finished(request);
        // Also where others are there: the thread that has put them there may be suspended before it
        // schedules.
        self.schedule();
    }

    /// Puts a request that is done among those to be reported.
    pub(crate) fn add_finished(&self, request: Request) {
        unpoisoned!(self.finished.lock()).push_back(request);
    }

    /// Takes what was done first, and says whether there is more.
    pub(crate) fn next_finished(&self) -> Option<(Request, bool)> {
        let mut finished = unpoisoned!(self.finished.lock());
        let request = finished.pop_front()?;
        Some((request, !finished.is_empty()))
    }

    /// Starts the worker that a submission wants. In the loop's thread.
    pub(crate) fn start_wanted(self: &Arc<Self>) {
        let wanted = {
            let mut queue = unpoisoned!(self.queue.lock());
            let wanted = mem::take(&mut queue.wanted);
            if wanted && queue.requests.is_empty() {
                // Others have done the work, or it was taken back.
                queue.forget_start();
                false
            } else {
                wanted
            }
        };
        if wanted {
            self.start();
        }
    }

    fn start(self: &Arc<Self>) {
        let crew = Arc::into_raw(self.clone());
        // SAFETY: the function is made for this argument, a count of the crew.
        if unsafe { thread::start(worker, crew.cast_mut().cast()) } {
            return;
        }
        // SAFETY: the count above, which no thread has.
        drop(unsafe { Arc::from_raw(crew) });
        self.not_started();
    }

    /// Starting failed. Other workers do the work; without any, it is refused.
    fn not_started(&self) {
        let refused = {
            let mut queue = unpoisoned!(self.queue.lock());
            queue.forget_start();
            match queue.workers {
                0 => mem::take(&mut queue.requests),
                _ => BTreeMap::new(),
            }
        };
        for request in refused.into_values() {
            self.finish(request, -libc::EAGAIN);
        }
    }

    /// A worker's life.
    fn work(self: &Arc<Self>) {
        let mut idle_since = Instant::now();
        let mut queue = unpoisoned!(self.queue.lock());
        queue.starting = false;
        loop {
            if let Some((_, request)) = queue.requests.pop_first() {
                request.start();
                let summon = queue.summon_from_worker();
                self.announce(summon);
                drop(queue);
                if summon == Summon::Waiting {
                    self.wake();
                }
                if summon == Summon::New {
                    self.start();
                }
                let result = request.run();
                if !self.is_here() {
                    // The work has forked and this is the child, where the request may be reported
                    // already.
                    return;
                }
                self.finish(request, result);
                idle_since = Instant::now();
                queue = unpoisoned!(self.queue.lock());
                continue;
            }
            let left = IDLE.saturating_sub(idle_since.elapsed());
            if queue.ending || left.is_zero() {
                break;
            }
            queue.waiting += 1;
            (queue, _) = unpoisoned!(self.work.wait_timeout(queue, left));
            queue.waiting -= 1;
            // Whichever was meant, this one has come.
            queue.woken = queue.woken.saturating_sub(1);
        }
        queue.workers -= 1;
        // Under the lock, which a thread that waits for it takes before it frees anything.
        self.gone.notify_all();
    }

    /// Waits until all workers have gone. No request may be queued.
    pub(crate) fn end(&self) {
        let mut queue = unpoisoned!(self.queue.lock());
        if mem::take(&mut queue.wanted) {
            queue.forget_start();
        }
        queue.ending = true;
        self.work.notify_all();
        while queue.workers > 0 {
            queue = unpoisoned!(self.gone.wait(queue));
        }
    }
}

/// What a worker's thread runs.
extern "C" fn worker(crew: *mut c_void) -> *mut c_void {
    thread::set_up_worker();
    // SAFETY: the count that `start` has taken for this thread.
    let crew = unsafe { Arc::from_raw(crew.cast::<Crew>().cast_const()) };
    crew.work();
    if !crew.is_here() {
        mem::forget(crew);
    }
    std::ptr::null_mut()
}
