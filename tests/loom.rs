//! The protocol's own code under loom: every interleaving, and every stale value that the C11
//! memory model lets a relaxed load return.
//!
//! The event is weaker here than the kernel's: it orders nothing. What the protocol promises must
//! come from its own fences and orderings.
//!
//! Nobody blocks. A poller that finds no work and no event falls asleep, which ends its thread.
//! When all threads have ended, [`Model::finish`] lets those who sleep on a full event run on: a
//! request that is then still unserved has lost its wakeup.

use std::sync::atomic::Ordering as CoreOrdering;

use aio_notify::protocol::{self, Context, Event, Notified, NotifyMe};
use loom::sync::atomic::Ordering::{self, Relaxed};
use loom::sync::atomic::{fence, AtomicBool, AtomicU32};
use loom::sync::Arc;
use loom::thread;

/// loom's atomics, under the names of the protocol's traits.
struct LoomWord(AtomicU32);
struct LoomFlag(AtomicBool);

impl NotifyMe for &LoomWord {
    fn load(&self, order: CoreOrdering) -> u32 {
        self.0.load(order)
    }
    fn add(&self, value: u32, order: CoreOrdering) {
        self.0.fetch_add(value, order);
    }
    fn sub(&self, value: u32, order: CoreOrdering) {
        self.0.fetch_sub(value, order);
    }
    fn or(&self, value: u32, order: CoreOrdering) {
        self.0.fetch_or(value, order);
    }
    fn and(&self, value: u32, order: CoreOrdering) {
        self.0.fetch_and(value, order);
    }
    fn fence(order: Ordering) {
        fence(order);
    }
}

impl Notified for &LoomFlag {
    fn load(&self, order: CoreOrdering) -> bool {
        self.0.load(order)
    }
    fn store(&self, value: bool, order: CoreOrdering) {
        // loom keeps a plain store and an exchange of another thread unordered, and lets a load
        // that follows both return either; C11 has one order for all of them. An exchange in the
        // place of the store gives loom that order.
        self.0.swap(value, order);
    }
    fn swap(&self, value: bool, order: CoreOrdering) -> bool {
        self.0.swap(value, order)
    }
}

/// An event that a read may still find empty after the write, unless something orders the two.
struct LoomEvent(AtomicBool);

impl Event for &LoomEvent {
    fn set(&self) {
        self.0.swap(true, Relaxed);
    }
    fn clear(&self) {
        if self.0.load(Relaxed) {
            self.0.swap(false, Relaxed);
        }
    }
}

/// A context and the requests of those who notify it.
struct Model {
    notify_me: LoomWord,
    notified: LoomFlag,
    event: LoomEvent,
    requests: [AtomicBool; 2],
}

impl<'a> Context for &'a Model {
    type NotifyMe = &'a LoomWord;
    type Notified = &'a LoomFlag;
    type Event = &'a LoomEvent;

    fn notify_me(self) -> &'a LoomWord {
        &self.notify_me
    }
    fn notified(self) -> &'a LoomFlag {
        &self.notified
    }
    fn event(self) -> &'a LoomEvent {
        &self.event
    }
}

/// The poller: a thread of its own, or GLib through the GSource.
#[derive(Clone, Copy)]
enum Poller {
    Blocking,
    GSource,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            notify_me: LoomWord(AtomicU32::new(0)),
            notified: LoomFlag(AtomicBool::new(false)),
            event: LoomEvent(AtomicBool::new(false)),
            requests: [AtomicBool::new(false), AtomicBool::new(false)],
        })
    }

    /// Relaxed: it is the protocol that has to make the request visible.
    fn request(&self, notifier: usize) {
        self.requests[notifier].store(true, Relaxed);
        protocol::notify(self);
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
            Poller::Blocking => protocol::begin_poll(self),
            Poller::GSource => protocol::prepare(self),
        }
    }

    fn wake(&self, poller: Poller) {
        match poller {
            Poller::Blocking => {
                protocol::end_poll(self);
                protocol::accept(self);
            }
            Poller::GSource => protocol::check(self),
        }
        self.serve();
    }

    /// Up to so many turns of a loop. Returns whether it is asleep in the end.
    fn poll(&self, poller: Poller, turns: usize) -> bool {
        for _ in 0..turns {
            self.begin(poller);
            if !self.has_work() && !self.event.0.load(Relaxed) {
                return true;
            }
            self.wake(poller);
        }
        false
    }

    /// All threads have ended: lets the pollers run on, the sleepers only if poll does.
    fn finish(&self, pollers: &[(Poller, bool)]) {
        let full = self.event.0.load(Relaxed);
        assert!(!full || self.notified.0.load(Relaxed), "the event stays full");
        for &(poller, asleep) in pollers {
            if !asleep {
                self.begin(poller);
                self.wake(poller);
            } else if full {
                self.wake(poller);
            }
        }
        assert!(!self.event.0.load(Relaxed), "a loop at rest spins");
        assert!(!self.has_work(), "a wakeup is lost");
    }
}

/// One thread for each notifier and each poller, in every order.
fn explore(notifiers: usize, pollers: &'static [Poller], turns: usize, notified_before: bool) {
    let mut builder = loom::model::Builder::new();
    // All bugs that were planted show with 2; LOOM_MAX_PREEMPTIONS overrides it.
    builder.preemption_bound.get_or_insert(2);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    builder.check(move || {
        counted.fetch_add(1, CoreOrdering::Relaxed);
        let model = Model::new();
        if notified_before {
            protocol::begin_poll(&*model);
            protocol::notify(&*model);
            protocol::end_poll(&*model);
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
    println!("interleavings explored: {}", count.load(CoreOrdering::Relaxed));
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
