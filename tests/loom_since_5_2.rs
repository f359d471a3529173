//! The shipped code of `protocol::since_5_2` under loom: every interleaving, and every stale value that
//! the C11 memory model lets a relaxed load return.
//!
//! The loop is the program's, so it stands here, as `since_5_2.rs` describes it. As in
//! `loom_flag.rs` the event orders nothing, and no thread blocks: a loop that finds no work and no
//! event falls asleep, which ends its thread, and [`Model::finish`] checks whether it may.

use loom::sync::Arc;
use loom::thread;

#[path = "../src/protocol/since_5_2.rs"]
#[allow(unreachable_pub)] // In the crate it is public.
mod since_5_2;
#[path = "../src/protocol/words.rs"]
#[allow(unreachable_pub, dead_code)] // In the crate all of it is used.
mod words;

mod sync {
    //! loom's, in the place of `src/protocol/sync.rs`.

    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicU32,
        Ordering::{self, Relaxed, Release, SeqCst},
    };

    /// Not to loom, which has the memory model of the language.
    pub(crate) const EXCHANGE_IS_BARRIER: bool = false;

    loom::lazy_static! {
        static ref FENCES: AtomicU32 = AtomicU32::new(0);
    }

    /// loom runs a fence together with the access before it, so that no thread gets in between. An
    /// access that all fences have in common makes loom try them in every order; relaxed, it orders
    /// nothing else.
    pub(crate) fn fence(order: Ordering) {
        FENCES.fetch_add(1, Relaxed);
        loom::sync::atomic::fence(order);
    }
}

use sync::{fence, AtomicBool, AtomicU32, Relaxed, Release, SeqCst};
use words::Words;

/// An event that a read may still find empty after the write, unless something orders the two.
struct Event(AtomicBool);

impl Event {
    fn is_full(&self) -> bool {
        self.0.load(Relaxed)
    }
    fn fill(&self) {
        self.0.swap(true, Relaxed);
    }
    fn drain(&self) {
        self.0.swap(false, Relaxed);
    }
}

/// A context and what its notifiers request.
struct Model {
    notify_me: AtomicU32,
    notified: AtomicBool,
    event: Event,
    requests: [AtomicBool; 2],
}

/// Who polls in the context's thread: `aio_poll`, or GLib through the GSource.
#[derive(Clone, Copy)]
enum Poller {
    Home,
    GSource,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            notify_me: AtomicU32::new(0),
            notified: AtomicBool::new(false),
            event: Event(AtomicBool::new(false)),
            requests: [AtomicBool::new(false), AtomicBool::new(false)],
        })
    }

    fn words(&self) -> Words<'_> {
        Words { notify_me: &self.notify_me, notified: &self.notified }
    }

    fn notify(&self) {
        since_5_2::notify(self.words(), || self.event.fill());
    }

    /// Relaxed: the protocol has to make the request visible.
    fn request(&self, notifier: usize) {
        self.requests[notifier].store(true, Relaxed);
        self.notify();
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
                (!self.notified.load(Relaxed), true)
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
        self.notify_me.store(value, Relaxed);
        fence(SeqCst);
    }

    /// After poll: accepts, then dispatches, where the notifier's handler empties the event.
    fn wake(&self, raised: bool) {
        if raised {
            self.notify_me.store(0, Release);
        }
        since_5_2::accept(self.words());
        if self.event.is_full() {
            self.event.drain();
        }
        for request in &self.requests {
            if request.load(Relaxed) {
                request.store(false, Relaxed);
            }
        }
    }

    /// Up to `turns` turns of a loop. Returns whether it is asleep at the end.
    fn poll(&self, poller: Poller, turns: usize) -> bool {
        for _ in 0..turns {
            let (may_sleep, raised) = self.begin(poller);
            if may_sleep && !self.event.is_full() {
                return true;
            }
            self.wake(raised);
        }
        false
    }

    /// All notifiers have returned: lets the loop go on until it sleeps, if it is woken at all.
    fn finish(&self, poller: Poller, asleep: bool) {
        if asleep {
            if self.event.is_full() {
                self.wake(true);
            } else {
                assert!(!self.has_work(), "a wakeup is lost");
                return;
            }
        }
        // What was left behind costs one turn, or two: flag and event.
        let sleeps = self.poll(poller, 3);
        assert!(sleeps, "a loop at rest busy-loops");
        assert!(!self.has_work(), "a wakeup is lost");
    }
}

/// One thread for each notifier, and the loop, in every order.
fn explore(notifiers: usize, poller: Poller, turns: usize, notified_before: bool) {
    check(move || {
        let model = Model::new();
        if notified_before {
            model.notify_me.store(2, Relaxed);
            model.notify();
            model.notify_me.store(0, Relaxed);
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
    // 2 are enough for all planted bugs; LOOM_MAX_PREEMPTIONS overrides it.
    builder.preemption_bound.get_or_insert(2);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        scene();
    });
    println!("interleavings explored: {}", count.load(Relaxed));
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
        assert!(model.notified.load(Relaxed) || !model.has_work(), "a flag was taken for nothing");
    });
}

/// What `accept` promises besides: others who find the flag still set do so before this thread
/// reads on.
#[test]
fn accept_is_a_full_barrier() {
    check(|| {
        let model = Model::new();
        model.notified.store(true, Relaxed);
        let other = thread::spawn({
            let model = model.clone();
            move || {
                model.requests[0].store(true, Relaxed);
                loom::sync::atomic::fence(SeqCst);
                model.notified.load(Relaxed)
            }
        });
        since_5_2::accept(model.words());
        let seen = model.requests[0].load(Relaxed);
        let still_set = other.join().unwrap();
        assert!(seen || !still_set, "neither side has seen the other");
    });
}
