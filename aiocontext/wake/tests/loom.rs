//! The coalescing protocol's own code under loom, with loops that are ours and with one that is not.
//!
//! Nobody blocks: a poller that finds no work and no event falls asleep, which ends its thread. When
//! all threads have ended, [`Model::finish`] lets those who sleep on a full event run on: a request
//! that is then still unserved has lost its wakeup.

use std::sync::atomic::Ordering as CoreOrdering;

use aio_notify::protocol::{self, Event, Notified, NotifyMe};
use aiocontext_wake::{self as wake, Context};
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
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
        // loom keeps a plain store and an exchange of another thread unordered; C11 has one order
        // for all of them.
        self.0.swap(value, order);
    }
    fn swap(&self, value: bool, order: CoreOrdering) -> bool {
        self.0.swap(value, order)
    }
}

/// An event that promises no more than [`Event`] says: setting it happens before a poll that finds
/// it set and before the call that empties it.
struct LoomEvent(AtomicBool);

impl LoomEvent {
    fn is_full(&self) -> bool {
        self.0.load(Acquire)
    }
}

impl Event for &LoomEvent {
    fn set(&self) {
        self.0.swap(true, Release);
    }
    fn clear(&self) {
        // One that was set by a thread that nothing orders before this may be found empty.
        if self.is_full() {
            self.0.swap(false, Acquire);
        }
    }
}

struct Model {
    notify_me: LoomWord,
    notified: LoomFlag,
    foreign: LoomFlag,
    event: LoomEvent,
    requests: [AtomicBool; 2],
}

impl<'a> protocol::Context for &'a Model {
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

impl<'a> Context for &'a Model {
    type Foreign = &'a LoomFlag;

    fn foreign(self) -> &'a LoomFlag {
        &self.foreign
    }
}

/// Whose loop it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Poller {
    Ours,
    Foreign,
}

impl Model {
    fn new() -> Arc<Self> {
        let flag = || AtomicBool::new(false);
        Arc::new(Self {
            notify_me: LoomWord(AtomicU32::new(0)),
            notified: LoomFlag(flag()),
            foreign: LoomFlag(flag()),
            event: LoomEvent(flag()),
            requests: [flag(), flag()],
        })
    }

    /// Relaxed: it is the protocol that has to make the request visible.
    fn request(&self, notifier: usize) {
        self.requests[notifier].store(true, Relaxed);
        wake::notify(self);
    }

    fn has_work(&self) -> bool {
        self.requests.iter().any(|request| request.load(Relaxed))
    }

    /// What a loop does when its poll has returned.
    fn wake(&self, poller: Poller, readable: bool) {
        protocol::end_poll(self);
        match poller {
            Poller::Ours if readable => wake::woken(self),
            Poller::Ours => {}
            Poller::Foreign => wake::accept(self),
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
            protocol::begin_poll(self);
            let readable = self.event.is_full();
            if !readable && !self.has_work() {
                return true;
            }
            self.wake(poller, readable);
        }
        false
    }

    /// Everybody has done what they do: lets the loops run on, the sleepers only if poll does.
    fn finish(&self, pollers: &[(Poller, bool)]) {
        for &(poller, asleep) in pollers {
            let readable = self.event.is_full();
            if !asleep {
                protocol::begin_poll(self);
            }
            if !asleep || readable {
                self.wake(poller, readable);
            }
        }
        // A turn more for what the first may have found only now.
        let readable = self.event.is_full();
        if readable {
            protocol::begin_poll(self);
            self.wake(pollers[0].0, true);
        }
        assert!(!self.event.is_full(), "a loop at rest polls round");
        let foreign = self.foreign().load(Relaxed);
        assert!(foreign || !self.notified.0.load(Relaxed), "nobody will write any more");
        assert!(!self.has_work(), "a wakeup is lost");
    }
}

fn explore(notifiers: usize, pollers: &'static [Poller], turns: usize) {
    let mut builder = loom::model::Builder::new();
    // All bugs that were planted show with 2; LOOM_MAX_PREEMPTIONS overrides it.
    builder.preemption_bound.get_or_insert(2);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    builder.check(move || {
        counted.fetch_add(1, CoreOrdering::Relaxed);
        let model = Model::new();
        let polling: Vec<_> = pollers[1..]
            .iter()
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
    explore(1, &[Poller::Ours], 2);
}

#[test]
fn two_notifiers_and_a_loop() {
    explore(2, &[Poller::Ours], 2);
}

#[test]
fn two_pollers() {
    explore(1, &[Poller::Ours, Poller::Ours], 1);
}

#[test]
fn one_notifier_and_a_foreign_loop() {
    explore(1, &[Poller::Foreign], 2);
}

#[test]
fn two_notifiers_and_a_foreign_loop() {
    explore(2, &[Poller::Foreign], 2);
}
