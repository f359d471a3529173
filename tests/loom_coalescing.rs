//! The shipped code of `protocol::coalescing` under loom, with loops of the library's and a foreign one.
//!
//! No thread blocks: a poller that finds no work and no event falls asleep, which ends its thread.
//! When all threads have ended, [`Model::finish`] lets those that sleep on a full event go on: a
//! request that is then still unserved has lost its wakeup.

use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::sync::Arc;
use loom::thread;

#[path = "../src/protocol/coalescing.rs"]
#[allow(unreachable_pub, dead_code)] // In the crate it is public, and all of it is used.
mod coalescing;
#[path = "../src/protocol/words.rs"]
#[allow(unreachable_pub)]
mod words;

mod sync {
    //! loom's, in the place of `src/protocol/sync.rs`.

    pub(crate) use loom::sync::atomic::{
        fence, AtomicBool, AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    };
}

use coalescing::{publish, Coalescing, Context, Sleepers};
use words::Words;

/// An event that promises no more than the kernel's lock on an eventfd does: filling it happens
/// before a poll that finds it full and before the call that empties it.
struct LoomEvent(AtomicBool);

impl LoomEvent {
    fn new() -> Self {
        Self(AtomicBool::new(false))
    }
    fn is_full(&self) -> bool {
        self.0.load(Acquire)
    }
    fn fill(&self) {
        self.0.swap(true, Release);
    }
    fn drain(&self) {
        // One that was filled by a thread that nothing orders before this may be found empty.
        if self.is_full() {
            self.0.swap(false, Acquire);
        }
    }
}

struct Model {
    notify_me: AtomicU32,
    notified: AtomicBool,
    private: Coalescing,
    private_event: LoomEvent,
    public_event: LoomEvent,
    requests: [AtomicBool; 2],
    served: [AtomicBool; 2],
}

/// What a poller that is not the library's adds to `notify_me`.
const FOREIGN: u32 = 2;

/// How a poll has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Awake,
    /// It sleeps on the private event.
    Asleep,
    /// It sleeps on the public event.
    AsleepForeign,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            notify_me: AtomicU32::new(0),
            notified: AtomicBool::new(false),
            private: Coalescing::new(),
            private_event: LoomEvent::new(),
            public_event: LoomEvent::new(),
            requests: [AtomicBool::new(false), AtomicBool::new(false)],
            served: [AtomicBool::new(false), AtomicBool::new(false)],
        })
    }

    fn context(&self) -> Context<'_> {
        let words = Words { notify_me: &self.notify_me, notified: &self.notified };
        Context { words, private: &self.private }
    }

    fn wake(&self, sleepers: Sleepers) {
        let fill_private = || {
            self.private_event.fill();
            true
        };
        self.context().wake(sleepers, fill_private, || self.public_event.fill());
    }

    fn accept(&self) {
        self.context().accept(|| self.public_event.drain());
    }

    fn request(&self, number: usize) {
        self.requests[number].store(true, Relaxed);
        if publish(&self.notify_me) {
            self.wake(Sleepers::All);
        }
    }

    /// Takes what is requested. Returns whether anything was.
    fn serve(&self) -> bool {
        let mut any = false;
        for (request, served) in self.requests.iter().zip(&self.served) {
            if request.load(Relaxed) {
                request.store(false, Relaxed);
                served.store(true, Relaxed);
                any = true;
            }
        }
        any
    }

    fn is_requested(&self) -> bool {
        self.requests.iter().any(|request| request.load(Relaxed))
    }

    /// A turn of the library's loop: sleeps if there is nothing to do.
    fn poll(&self) -> Ended {
        let context = self.context();
        context.raise();
        let work = self.is_requested();
        let full = self.private_event.is_full();
        if !work && !full {
            return Ended::Asleep;
        }
        self.wake_up(full);
        Ended::Awake
    }

    /// The rest of a turn, of a poller that is awake.
    fn wake_up(&self, full: bool) {
        let context = self.context();
        context.lower(false);
        if full {
            context.consume(|| self.private_event.drain());
        }
        self.serve();
    }

    /// The same of a loop of the program's own.
    fn poll_foreign(&self) -> Ended {
        self.notify_me.fetch_add(FOREIGN, Relaxed);
        loom::sync::atomic::fence(loom::sync::atomic::Ordering::SeqCst);
        if !self.is_requested() && !self.public_event.is_full() {
            return Ended::AsleepForeign;
        }
        self.wake_up_foreign();
        Ended::Awake
    }

    fn wake_up_foreign(&self) {
        self.notify_me.fetch_sub(FOREIGN, Relaxed);
        self.accept();
        self.serve();
    }

    /// Lets those that sleep on a full event go on, until all sleep for good or have ended.
    fn finish(&self, mut pollers: Vec<Ended>) {
        for _ in 0..4 {
            for poller in &mut pollers {
                match poller {
                    Ended::Asleep if self.private_event.is_full() => {
                        self.wake_up(true);
                        *poller = Ended::Awake;
                    }
                    Ended::AsleepForeign if self.public_event.is_full() => {
                        self.wake_up_foreign();
                        *poller = Ended::Awake;
                    }
                    _ => {}
                }
            }
        }
        let asleep = pollers.iter().any(|&ended| ended != Ended::Awake);
        assert!(!(asleep && self.is_requested()), "a wakeup is lost");
        // No loop busy-loops once all are at rest: an accept drains a full public event.
        if self.public_event.is_full() {
            self.accept();
            assert!(!self.public_event.is_full(), "the public event stays full");
        }
    }
}

fn explore(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // LOOM_MAX_PREEMPTIONS overrides it.
    builder.preemption_bound.get_or_insert(preemptions);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    builder.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        f();
    });
    println!("interleavings explored: {}", count.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn a_notifier_and_a_poller() {
    explore(4, || {
        let model = Model::new();
        let notifier = thread::spawn({
            let model = model.clone();
            move || model.request(0)
        });
        let mut ended = model.poll();
        if ended == Ended::Awake {
            ended = model.poll();
        }
        notifier.join().unwrap();
        model.finish(vec![ended]);
    });
}

#[test]
fn two_notifiers_and_a_poller_of_two_turns() {
    explore(2, || {
        let model = Model::new();
        let notifiers = [0, 1].map(|number| {
            let model = model.clone();
            thread::spawn(move || model.request(number))
        });
        let mut ended = model.poll();
        if ended == Ended::Awake {
            ended = model.poll();
        }
        for notifier in notifiers {
            notifier.join().unwrap();
        }
        model.finish(vec![ended]);
    });
}

/// A notifier that has no work for the loop, but has found `notify_me` raised, makes its poll return.
#[test]
fn a_notification_without_work_wakes_who_has_raised() {
    explore(4, || {
        let model = Model::new();
        let notifier = thread::spawn({
            let model = model.clone();
            move || {
                let is_raised = publish(&model.notify_me);
                if is_raised {
                    model.wake(Sleepers::All);
                }
                is_raised
            }
        });
        model.context().raise();
        let is_raised = notifier.join().unwrap();
        assert!(!is_raised || model.private_event.is_full(), "the notification is lost");
    });
}

/// The event is full and marked when they begin: what a late notifier shares must still be there.
#[test]
fn a_consumer_and_a_notifier_that_would_share() {
    explore(4, || {
        let model = Model::new();
        model.context().raise();
        model.request(0);
        model.serve();
        let notifier = thread::spawn({
            let model = model.clone();
            move || model.request(1)
        });
        model.wake_up(true);
        let ended = model.poll();
        notifier.join().unwrap();
        model.finish(vec![ended]);
    });
}

#[test]
fn two_pollers_and_a_notifier() {
    explore(2, || {
        let model = Model::new();
        let notifier = thread::spawn({
            let model = model.clone();
            move || model.request(0)
        });
        let other = thread::spawn({
            let model = model.clone();
            move || model.poll()
        });
        let ended = model.poll();
        notifier.join().unwrap();
        let other = other.join().unwrap();
        model.finish(vec![ended, other]);
    });
}

/// While one of the library's comes and goes, a foreign sleeper must not be taken for it.
#[test]
fn a_foreign_sleeper_is_woken_beside_other_sleepers() {
    explore(2, || {
        let model = Model::new();
        // Is awake already when the notifier begins, and comes back.
        model.context().raise();
        let notifier = thread::spawn({
            let model = model.clone();
            move || model.request(0)
        });
        let foreign = thread::spawn({
            let model = model.clone();
            move || model.poll_foreign()
        });
        model.context().lower(false);
        model.context().raise();
        model.context().lower(false);
        notifier.join().unwrap();
        let foreign = foreign.join().unwrap();
        model.finish(vec![foreign]);
    });
}

#[test]
fn accepting_while_others_notify() {
    explore(2, || {
        let model = Model::new();
        model.notify_me.store(FOREIGN, Relaxed);
        let notifiers = [0, 1].map(|number| {
            let model = model.clone();
            thread::spawn(move || model.request(number))
        });
        // Another foreign poller, which is awake.
        model.accept();
        model.serve();
        for notifier in notifiers {
            notifier.join().unwrap();
        }
        model.finish(vec![Ended::AsleepForeign]);
    });
}

/// A loop that knows of an idle bottom half need not be woken for another.
#[test]
fn a_sleeper_for_long_is_woken_for_an_idle_bottom_half() {
    explore(4, || {
        let model = Model::new();
        let notifier = thread::spawn({
            let model = model.clone();
            move || {
                model.requests[0].store(true, Relaxed);
                model.private.announce_idle();
                if publish(&model.notify_me) {
                    model.wake(Sleepers::Long);
                }
            }
        });
        let context = model.context();
        let seen = context.raise();
        let long = !model.is_requested() && context.lengthen(seen);
        notifier.join().unwrap();
        assert!(!long || model.private_event.is_full(), "it sleeps forever");
        context.lower(long);
        assert_eq!(model.notify_me.load(Relaxed), 0);
        assert!(!model.private.has_sleepers());
    });
}

/// GLib may prepare more than once.
#[test]
fn the_source_counts_once() {
    explore(3, || {
        let model = Model::new();
        let notifier = thread::spawn({
            let model = model.clone();
            move || model.request(0)
        });
        let context = model.context();
        let seen = context.raise_source();
        assert!(context.lengthen_source(seen));
        context.raise_source();
        let work = model.is_requested();
        notifier.join().unwrap();
        assert!(work || model.private_event.is_full(), "a wakeup is lost");
        model.public_event.drain();
        model.request(1);
        assert!(!model.public_event.is_full(), "nobody foreign sleeps");
        context.lower_source();
        assert!(!model.private.has_sleepers());
        assert_eq!(model.notify_me.load(Relaxed), 0);
    });
}

#[test]
fn a_handler_of_the_programs_on_the_public_event_has_it_filled() {
    explore(4, || {
        let model = Model::new();
        model.context().raise();
        let notifier = thread::spawn({
            let model = model.clone();
            move || model.request(0)
        });
        model.private.set_handled(true);
        let seen = model.is_requested();
        notifier.join().unwrap();
        assert!(seen || model.public_event.is_full(), "the handler misses a notification");
    });
}

/// A child process finds its parent's sleepers, and none of its own.
#[test]
fn renewing_forgets_the_parents_sleepers_but_no_foreign_one() {
    explore(3, || {
        let model = Model::new();
        let context = model.context();
        context.raise();
        context.raise_source();
        model.notify_me.fetch_add(FOREIGN, Relaxed);
        model.request(0);
        model.private_event.drain();
        model.public_event.drain();
        context.renew();
        assert_eq!(model.notify_me.load(Relaxed), FOREIGN);
        assert!(!model.private.has_sleepers());
        context.raise();
        model.request(1);
        assert!(model.private_event.is_full(), "the parent's mark is taken for the child's");
        assert!(model.public_event.is_full());
    });
}
