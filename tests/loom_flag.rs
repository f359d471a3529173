//! The shipped code of `protocol::flag` under loom: every interleaving, and every stale value that the
//! C11 memory model lets a relaxed load return.
//!
//! The event is weaker here than the kernel's: it orders nothing. What the protocol promises must
//! come from its own fences and orderings.
//!
//! No thread blocks. A poller that finds no work and no event falls asleep, which ends its thread.
//! When all threads have ended, [`Model::finish`] lets those that sleep on a full event go on: a
//! request that is then still unserved has lost its wakeup.

use loom::sync::Arc;
use loom::thread;

#[path = "../src/protocol/flag.rs"]
#[allow(unreachable_pub)] // In the crate it is public.
mod flag;
#[path = "../src/protocol/words.rs"]
#[allow(unreachable_pub)]
mod words;

mod sync {
    //! loom's, in the place of `src/protocol/sync.rs`.

    pub(crate) use loom::sync::atomic::{
        fence, AtomicU32,
        Ordering::{self, Acquire, Relaxed, Release, SeqCst},
    };

    /// With an exchange in the place of a store. loom does not order a plain store and an exchange
    /// of another thread, and lets a load that follows both return either; C11 has one order for
    /// all of them, which an exchange gives to loom.
    pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

    impl AtomicBool {
        pub(crate) fn new(value: bool) -> Self {
            Self(loom::sync::atomic::AtomicBool::new(value))
        }
        pub(crate) fn load(&self, order: Ordering) -> bool {
            self.0.load(order)
        }
        pub(crate) fn store(&self, value: bool, order: Ordering) {
            self.0.swap(value, order);
        }
        pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
            self.0.swap(value, order)
        }
    }
}

use sync::{AtomicBool, AtomicU32, Relaxed};
use words::Words;

/// An event that a read may still find empty after the write, unless something orders the two.
struct Event(loom::sync::atomic::AtomicBool);

impl Event {
    fn is_full(&self) -> bool {
        self.0.load(Relaxed)
    }
    fn fill(&self) {
        self.0.swap(true, Relaxed);
    }
    fn drain(&self) {
        if self.0.load(Relaxed) {
            self.0.swap(false, Relaxed);
        }
    }
}

/// A context and what its notifiers request.
struct Model {
    notify_me: AtomicU32,
    notified: AtomicBool,
    event: Event,
    requests: [loom::sync::atomic::AtomicBool; 2],
}

/// Who polls: a thread of its own, or GLib through the GSource.
#[derive(Clone, Copy)]
enum Poller {
    Blocking,
    GSource,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            notify_me: AtomicU32::new(0),
            notified: AtomicBool::new(false),
            event: Event(loom::sync::atomic::AtomicBool::new(false)),
            requests: [false, false].map(loom::sync::atomic::AtomicBool::new),
        })
    }

    fn words(&self) -> Words<'_> {
        Words { notify_me: &self.notify_me, notified: &self.notified }
    }

    fn notify(&self) {
        flag::notify(self.words(), || self.event.fill());
    }

    fn accept(&self) {
        flag::accept(self.words(), || self.event.drain());
    }

    /// Relaxed: the protocol has to make the request visible.
    fn request(&self, notifier: usize) {
        self.requests[notifier].store(true, Relaxed);
        self.notify();
    }

    fn has_work(&self) -> bool {
        self.requests.iter().any(|request| request.load(Relaxed))
    }

    /// Looks at all requests and serves those it sees.
    fn serve(&self) {
        for request in &self.requests {
            if request.load(Relaxed) {
                request.store(false, Relaxed);
            }
        }
    }

    fn begin(&self, poller: Poller) {
        match poller {
            Poller::Blocking => flag::begin_poll(self.words()),
            Poller::GSource => flag::prepare(self.words()),
        }
    }

    fn wake(&self, poller: Poller) {
        match poller {
            Poller::Blocking => flag::end_poll(self.words()),
            Poller::GSource => flag::end_prepare(self.words()),
        }
        self.accept();
        self.serve();
    }

    /// Up to `turns` turns of a loop. Returns whether it is asleep at the end.
    fn poll(&self, poller: Poller, turns: usize) -> bool {
        for _ in 0..turns {
            self.begin(poller);
            if !self.has_work() && !self.event.is_full() {
                return true;
            }
            self.wake(poller);
        }
        false
    }

    /// All threads have ended: lets the pollers go on, the sleepers only if the event wakes them.
    fn finish(&self, pollers: &[(Poller, bool)]) {
        let full = self.event.is_full();
        assert!(!full || self.notified.load(Relaxed), "the event stays full");
        for &(poller, asleep) in pollers {
            if !asleep {
                self.begin(poller);
                self.wake(poller);
            } else if full {
                self.wake(poller);
            }
        }
        assert!(!self.event.is_full(), "a loop at rest busy-loops");
        assert!(!self.has_work(), "a wakeup is lost");
    }
}

/// One thread for each notifier and each poller, in every order.
fn explore(notifiers: usize, pollers: &'static [Poller], turns: usize, notified_before: bool) {
    let mut builder = loom::model::Builder::new();
    // 2 are enough for all planted bugs; LOOM_MAX_PREEMPTIONS overrides it.
    builder.preemption_bound.get_or_insert(2);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        let model = Model::new();
        if notified_before {
            flag::begin_poll(model.words());
            model.notify();
            flag::end_poll(model.words());
        }
        let polling: Vec<_> = pollers
            .iter()
            .skip(1)
            .map(|&poller| {
                let model = model.clone();
                thread::spawn(move || (poller, model.poll(poller, turns)))
            })
            .collect();
        let notifying: Vec<_> = (0..notifiers)
            .map(|notifier| {
                let model = model.clone();
                thread::spawn(move || model.request(notifier))
            })
            .collect();
        // The first poller is loom's own thread: one fewer to interleave.
        let mut ended = vec![(pollers[0], model.poll(pollers[0], turns))];
        ended.extend(polling.into_iter().map(|thread| thread.join().unwrap()));
        notifying.into_iter().for_each(|thread| thread.join().unwrap());
        model.finish(&ended);
    });
    println!("interleavings explored: {}", count.load(Relaxed));
}

#[test]
fn one_notifier_and_a_loop() {
    explore(1, &[Poller::Blocking], 2, false);
}

#[test]
fn one_notifier_and_a_gsource() {
    explore(1, &[Poller::GSource], 2, false);
}

#[test]
fn a_full_event() {
    explore(1, &[Poller::Blocking], 2, true);
}

#[test]
fn two_notifiers_and_a_loop() {
    explore(2, &[Poller::Blocking], 2, false);
}

#[test]
fn two_pollers() {
    explore(1, &[Poller::Blocking, Poller::Blocking], 1, false);
}

#[test]
fn a_loop_and_a_gsource() {
    explore(1, &[Poller::Blocking, Poller::GSource], 1, false);
}
