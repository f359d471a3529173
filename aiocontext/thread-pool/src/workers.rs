//! The queue of requests and the threads that work it off.
//!
//! At most one thread at a time is on its way to the queue, woken or new. When it takes a request
//! and finds more, it sends for the next. So a burst of short requests is not answered with a
//! wake-up each, while requests that block get a thread each all the same, up to [`MOST`].

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::request::Request;

/// How many workers a pool has at most, as in the reference.
const MOST: usize = 64;

/// How long a worker waits for work before it ends, as in the reference.
const IDLE: Duration = Duration::from_secs(10);

/// Receives what is done; called by workers, with nothing held.
pub(crate) trait Done: Send + Sync + 'static {
    /// A request that has been run, or refused.
    fn done(&self, request: Request);
}

/// Locks; nothing panics with one of this component's locks held.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Queue {
    /// In the order in which they came.
    requests: BTreeMap<u64, Request>,
    next_place: u64,
    /// How many threads there are, those that are being started included.
    workers: usize,
    /// How many of them wait.
    waiting: usize,
    /// Whether one is on its way to the queue.
    sent_for: bool,
    ending: bool,
}

/// What the caller has to do once it has given the lock back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Summon {
    Nobody,
    Waiting,
    New,
}

impl Queue {
    /// Has somebody come if there is work and nobody is on the way.
    fn send(&mut self) -> Summon {
        if self.requests.is_empty() || self.sent_for {
            Summon::Nobody
        } else if self.waiting > 0 {
            self.sent_for = true;
            Summon::Waiting
        } else if self.workers < MOST {
            self.sent_for = true;
            self.workers += 1;
            Summon::New
        } else {
            // Whoever is done next takes it.
            Summon::Nobody
        }
    }
}

/// The workers of a pool.
pub(crate) struct Workers<D> {
    queue: Mutex<Queue>,
    work: Condvar,
    gone: Condvar,
    pub(crate) to: D,
}

impl<D: Done> Workers<D> {
    pub(crate) fn new(to: D) -> Arc<Self> {
        let queue = Mutex::new(Queue::default());
        Arc::new(Self { queue, work: Condvar::new(), gone: Condvar::new(), to })
    }

    /// Hands a request to the next worker that is free.
    pub(crate) fn submit(self: &Arc<Self>, request: Request) {
        let send = {
            let mut queue = locked(&self.queue);
            let place = queue.next_place;
            queue.next_place += 1;
            request.set_place(place);
            queue.requests.insert(place, request);
            queue.send()
        };
        self.act(send);
    }

    /// Takes a request back that no worker has taken; false if it is too late.
    pub(crate) fn take_back(&self, request: Request) -> bool {
        let mut queue = locked(&self.queue);
        // Places are not used twice, so another request cannot be taken for it.
        let place = request.place();
        let found = queue.requests.get(&place) == Some(&request);
        if found {
            queue.requests.remove(&place);
        }
        found
    }

    fn act(self: &Arc<Self>, send: Summon) {
        match send {
            Summon::Nobody => {}
            Summon::Waiting => self.work.notify_one(),
            Summon::New => self.start(),
        }
    }

    fn start(self: &Arc<Self>) {
        let workers = self.clone();
        let started = without_signals(|| {
            thread::Builder::new().name("worker".to_owned()).spawn(move || workers.work())
        });
        if started.is_err() {
            self.not_started();
        }
    }

    /// There is no thread to be had. Other workers do the work; without any, it is refused.
    fn not_started(&self) {
        let refused = {
            let mut queue = locked(&self.queue);
            queue.workers -= 1;
            queue.sent_for = false;
            match queue.workers {
                0 => std::mem::take(&mut queue.requests),
                _ => BTreeMap::new(),
            }
        };
        for request in refused.into_values() {
            request.set_result(-libc::EAGAIN);
            self.to.done(request);
        }
    }

    /// A worker's life.
    fn work(self: Arc<Self>) {
        let mut idle_since = Instant::now();
        let mut queue = locked(&self.queue);
        queue.sent_for = false;
        loop {
            if let Some((_, request)) = queue.requests.pop_first() {
                let send = queue.send();
                drop(queue);
                self.act(send);
                request.run();
                self.to.done(request);
                idle_since = Instant::now();
                queue = locked(&self.queue);
                continue;
            }
            let left = IDLE.saturating_sub(idle_since.elapsed());
            if queue.ending || left.is_zero() {
                break;
            }
            queue.waiting += 1;
            let waited = self.work.wait_timeout(queue, left);
            (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
            queue.waiting -= 1;
            // Whoever was meant, this one has come.
            queue.sent_for = false;
        }
        queue.workers -= 1;
        // Under the lock, which whoever waits for it takes before it frees anything.
        self.gone.notify_all();
        drop(queue);
    }

    /// Waits until all workers have gone. No request may be queued.
    pub(crate) fn end(&self) {
        let mut queue = locked(&self.queue);
        queue.ending = true;
        self.work.notify_all();
        while queue.workers > 0 {
            queue = self.gone.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Runs `f` with all signals blocked, so that a thread that it starts has them blocked: they are for
/// the program's own threads.
fn without_signals<T>(f: impl FnOnce() -> T) -> T {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: memory for a set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: a full set, and memory for another.
    let result: c_int =
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let value = f();
    if result == 0 {
        // SAFETY: written by the call above.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        }
    }
    value
}
