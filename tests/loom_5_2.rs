//! The code of the protocol for loops of QEMU 5.2 and later under loom: every interleaving, and
//! every stale value that the C11 memory model lets a relaxed load return.
//!
//! The loop is the program's, so it stands here, as `protocol_5_2` describes it. As in
//! `tests/loom.rs` the event orders nothing, and nobody blocks: a loop that finds no work and no
//! event falls asleep, which ends its thread, and [`Model::finish`] looks whether it may.

use std::sync::atomic::Ordering as CoreOrdering;

use aio_notify::protocol::{Context, Event, Notified, NotifyMe};
use aio_notify::protocol_5_2 as protocol;
use loom::sync::atomic::Ordering::{self, Relaxed, Release, SeqCst};
use loom::sync::atomic::{fence, AtomicBool, AtomicU32};
use loom::sync::Arc;
use loom::thread;

loom::lazy_static! {
    static ref FENCES: AtomicU32 = AtomicU32::new(0);
}

/// loom runs a fence together with the access before it, so that nobody gets in between. An access
/// that all fences have in common makes loom try them in every order; relaxed, it orders nothing else.
fn ordered_fence(order: Ordering) {
    FENCES.fetch_add(1, Relaxed);
    fence(order);
}

/// loom's atomics, under the names of the protocol's traits.
struct LoomWord(AtomicU32);
struct LoomFlag(AtomicBool);

/// Only read by this protocol; the rest is the trait's.
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
        ordered_fence(order);
    }
}

impl Notified for &LoomFlag {
    fn load(&self, order: CoreOrdering) -> bool {
        self.0.load(order)
    }
    fn store(&self, value: bool, order: CoreOrdering) {
        self.0.store(value, order);
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
        self.0.swap(false, Relaxed);
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

/// The poller in the context's thread: `aio_poll`, or GLib through the GSource.
#[derive(Clone, Copy)]
enum Poller {
    Home,
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

    /// Before poll. Returns whether the loop may sleep, and whether it has raised `notify_me`.
    fn begin(&self, poller: Poller) -> (bool, bool) {
        match poller {
            // The timeout, and only then the raise: what comes in between must show in the flag.
            Poller::Home => {
                if self.has_work() {
                    return (false, false);
                }
                self.raise(2);
                (!self.notified.0.load(Relaxed), true)
            }
            // Raises, and then chooses its timeout; it does not look at the flag.
            Poller::GSource => {
                self.raise(1);
                (!self.has_work(), true)
            }
        }
    }

    /// A plain store: `notify_me` is the home thread's.
    fn raise(&self, value: u32) {
        self.notify_me.0.store(value, Relaxed);
        ordered_fence(SeqCst);
    }

    /// After poll: accepts, then dispatches, where the notifier's handler empties the event.
    fn wake(&self, raised: bool) {
        if raised {
            self.notify_me.0.store(0, Release);
        }
        protocol::accept(self);
        if self.event.0.load(Relaxed) {
            (&self.event).clear();
        }
        for request in &self.requests {
            if request.load(Relaxed) {
                request.store(false, Relaxed);
            }
        }
    }

    /// Up to so many turns of a loop. Returns whether it is asleep in the end.
    fn poll(&self, poller: Poller, turns: usize) -> bool {
        for _ in 0..turns {
            let (may_sleep, raised) = self.begin(poller);
            if may_sleep && !self.event.0.load(Relaxed) {
                return true;
            }
            self.wake(raised);
        }
        false
    }

    /// All notifiers have returned: lets the loop run on until it sleeps, if it wakes at all.
    fn finish(&self, poller: Poller, asleep: bool) {
        if asleep {
            if self.event.0.load(Relaxed) {
                self.wake(true);
            } else {
                assert!(!self.has_work(), "a wakeup is lost");
                return;
            }
        }
        // What was left behind costs one turn, or two: flag and event.
        let sleeps = self.poll(poller, 3);
        assert!(sleeps, "a loop at rest spins");
        assert!(!self.has_work(), "a wakeup is lost");
    }
}

/// One thread for each notifier, and the loop, in every order.
fn explore(notifiers: usize, poller: Poller, turns: usize, notified_before: bool) {
    check(move || {
        let model = Model::new();
        if notified_before {
            model.notify_me.0.store(2, Relaxed);
            protocol::notify(&*model);
            model.notify_me.0.store(0, Relaxed);
        }
        let notifying: Vec<_> = (0..notifiers)
            .map(|notifier| {
                let model = model.clone();
                thread::spawn(move || model.request(notifier))
            })
            .collect();
        let asleep = model.poll(poller, turns);
        notifying.into_iter().for_each(|thread| thread.join().unwrap());
        model.finish(poller, asleep);
    });
}

fn check(scene: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // All bugs that were planted show with 2; LOOM_MAX_PREEMPTIONS overrides it.
    builder.preemption_bound.get_or_insert(2);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    builder.check(move || {
        counted.fetch_add(1, CoreOrdering::Relaxed);
        scene();
    });
    println!("interleavings explored: {}", count.load(CoreOrdering::Relaxed));
}

#[test]
fn one_notifier_and_a_loop() {
    explore(1, Poller::Home, 2, false);
}

#[test]
fn one_notifier_and_a_gsource() {
    explore(1, Poller::GSource, 2, false);
}

#[test]
fn a_full_event() {
    explore(1, Poller::Home, 2, true);
}

#[test]
fn two_notifiers_and_a_loop() {
    explore(2, Poller::Home, 2, false);
}

/// The loop takes the flags of two notifiers at once, and must see the work of both.
#[test]
fn one_accept_for_two_notifiers() {
    check(|| {
        let model = Model::new();
        let other = thread::spawn({
            let model = model.clone();
            move || model.request(1)
        });
        let notifying = thread::spawn({
            let model = model.clone();
            move || model.request(0)
        });
        model.wake(false);
        other.join().unwrap();
        notifying.join().unwrap();
        // Not served yet: then the flag must still keep the loop from sleeping.
        assert!(
            model.notified.0.load(Relaxed) || !model.has_work(),
            "a flag was taken for nothing"
        );
    });
}

/// What `accept` promises besides: others who find the flag still set do so before this thread
/// reads on.
#[test]
fn accept_is_a_full_barrier() {
    check(|| {
        let model = Model::new();
        model.notified.0.store(true, Relaxed);
        let other = thread::spawn({
            let model = model.clone();
            move || {
                model.requests[0].store(true, Relaxed);
                fence(SeqCst);
                model.notified.0.load(Relaxed)
            }
        });
        protocol::accept(&*model);
        let seen = model.requests[0].load(Relaxed);
        let still_set = other.join().unwrap();
        assert!(seen || !still_set, "neither side has seen the other");
    });
}
