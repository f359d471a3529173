//! The queue of bottom halves under loom: every interleaving, and every stale value that the C11
//! memory model lets a relaxed load return.
//!
//! The data that a callback needs is written and read with relaxed accesses: the queue has to make
//! it visible.

use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::atomic::{fence, AtomicBool, AtomicUsize};
use loom::sync::Arc;
use loom::thread;

#[path = "../src/queue/mod.rs"]
#[allow(dead_code)] // Not all of it is needed here.
mod queue;

mod sync {
    //! loom's, in the place of `src/sync.rs`.

    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
    pub(crate) use loom::sync::Mutex;
}

use queue::{BottomHalf, Queue, Urgency};

/// A bottom half by its address, so that threads can share it.
#[derive(Clone, Copy)]
struct Bh(usize);

struct Model {
    queue: Queue<usize>,
    /// What the callbacks are about; several bits may be set by several threads.
    data: AtomicUsize,
    /// How often each bottom half has run.
    runs: [AtomicUsize; 2],
    /// What the last callback of each has seen of `data`.
    seen: [AtomicUsize; 2],
    notify_me: AtomicBool,
    event: AtomicBool,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Queue::new(),
            data: AtomicUsize::new(0),
            runs: [AtomicUsize::new(0), AtomicUsize::new(0)],
            seen: [AtomicUsize::new(0), AtomicUsize::new(0)],
            notify_me: AtomicBool::new(false),
            event: AtomicBool::new(false),
        })
    }

    fn add(&self, number: usize) -> Bh {
        Bh(self.queue.add(number) as usize)
    }

    /// Writes a bit of the data, schedules and notifies, as `qemu_bh_schedule` does.
    fn schedule(&self, bh: Bh, bit: usize) {
        self.data.fetch_or(bit, Relaxed);
        // SAFETY: the tests free a bottom half only when nobody else uses it.
        if unsafe { self.queue.schedule(bh.0 as *mut BottomHalf<usize>, Urgency::Now) } {
            fence(SeqCst);
            if self.notify_me.load(Relaxed) {
                self.event.store(true, Relaxed);
            }
        }
    }

    fn cancel(&self, bh: Bh) {
        // SAFETY: as above.
        unsafe { self.queue.cancel(bh.0 as *mut BottomHalf<usize>) };
    }

    fn delete(&self, bh: Bh) {
        // SAFETY: as above.
        unsafe { self.queue.delete(bh.0 as *mut BottomHalf<usize>) };
    }

    fn poll(&self) {
        if let Some(pass) = self.queue.begin() {
            while let Some(turn) = self.queue.take_turn(pass) {
                self.runs[turn.task].fetch_add(1, Relaxed);
                self.seen[turn.task].store(self.data.load(Relaxed), Relaxed);
            }
        }
    }

    fn runs(&self, number: usize) -> usize {
        self.runs[number].load(Relaxed)
    }

    fn seen(&self, number: usize) -> usize {
        self.seen[number].load(Relaxed)
    }

    /// Nothing is left to do.
    fn assert_at_rest(&self) {
        assert_eq!(self.queue.most_urgent(), None, "the loop would not sleep");
    }
}

fn explore(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // LOOM_MAX_PREEMPTIONS overrides it.
    builder.preemption_bound.get_or_insert(3);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    builder.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        f();
    });
    println!("interleavings explored: {}", count.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn two_threads_schedule_their_own_while_a_loop_polls() {
    explore(|| {
        let model = Model::new();
        let bhs = [model.add(0), model.add(1)];
        let other = thread::spawn({
            let model = model.clone();
            move || model.schedule(bhs[1], 2)
        });
        model.schedule(bhs[0], 1);
        model.poll();
        other.join().unwrap();
        model.poll();
        assert_eq!((model.runs(0), model.runs(1)), (1, 1));
        assert!(model.seen(0) & 1 != 0 && model.seen(1) & 2 != 0, "a callback has missed the data");
        model.assert_at_rest();
    });
}

#[test]
fn two_threads_schedule_the_same() {
    explore(|| {
        let model = Model::new();
        let bh = model.add(0);
        let others = [1, 2].map(|bit| {
            let model = model.clone();
            thread::spawn(move || model.schedule(bh, bit))
        });
        model.poll();
        for other in others {
            other.join().unwrap();
        }
        model.poll();
        assert!(model.runs(0) == 1 || model.runs(0) == 2);
        assert_eq!(model.seen(0), 3, "a callback has missed the data");
        model.assert_at_rest();
    });
}

#[test]
fn a_loop_that_sleeps_is_woken() {
    explore(|| {
        let model = Model::new();
        let bhs = [model.add(0), model.add(1)];
        let other = thread::spawn({
            let model = model.clone();
            move || {
                model.schedule(bhs[0], 1);
                // The cancelling thread must not hide the other's schedule.
                model.schedule(bhs[1], 2);
                model.cancel(bhs[1]);
            }
        });
        model.poll();
        model.notify_me.store(true, Relaxed);
        fence(SeqCst);
        let sleeps = model.queue.most_urgent().is_none();
        other.join().unwrap();
        if sleeps && model.runs(0) == 0 {
            assert!(model.event.load(Relaxed), "a wakeup is lost");
        }
        model.poll();
        assert_eq!(model.runs(0), 1);
        model.assert_at_rest();
    });
}

#[test]
fn scheduling_does_not_depend_on_a_thread_that_stops_before_its_push() {
    explore(|| {
        let model = Model::new();
        let bh = model.add(0);
        let stopped = thread::spawn({
            let model = model.clone();
            // SAFETY: live.
            move || unsafe { model.queue.stop_before_push(bh.0 as *mut BottomHalf<usize>) }
        });
        let other = thread::spawn({
            let model = model.clone();
            move || model.schedule(bh, 1)
        });
        model.notify_me.store(true, Relaxed);
        fence(SeqCst);
        let sleeps = model.queue.most_urgent().is_none();
        other.join().unwrap();
        stopped.join().unwrap();
        if sleeps {
            assert!(model.event.load(Relaxed), "a wakeup is lost");
        }
        model.poll();
        assert_eq!((model.runs(0), model.seen(0)), (1, 1));
        model.assert_at_rest();
    });
}

#[test]
fn who_cancels_sees_the_data_or_the_callback_does() {
    explore(|| {
        let model = Model::new();
        let bh = model.add(0);
        model.schedule(bh, 1);
        let other = thread::spawn({
            let model = model.clone();
            move || model.schedule(bh, 2)
        });
        model.cancel(bh);
        let data = model.data.load(Relaxed);
        other.join().unwrap();
        model.poll();
        let seen = if model.runs(0) == 0 { data } else { model.seen(0) };
        assert_eq!(seen, 3, "a completion is missed");
        model.assert_at_rest();
    });
}

#[test]
fn cancelling_and_scheduling_while_a_loop_polls() {
    explore(|| {
        let model = Model::new();
        let bh = model.add(0);
        model.schedule(bh, 1);
        let other = thread::spawn({
            let model = model.clone();
            move || {
                model.cancel(bh);
                model.schedule(bh, 2);
            }
        });
        model.poll();
        other.join().unwrap();
        model.poll();
        assert!(model.runs(0) == 1 || model.runs(0) == 2);
        assert_eq!(model.seen(0), 3, "the last schedule is lost");
        model.assert_at_rest();
    });
}

#[test]
fn deleting_while_another_thread_schedules() {
    explore(|| {
        let model = Model::new();
        let bhs = [model.add(0), model.add(1)];
        let other = thread::spawn({
            let model = model.clone();
            move || {
                model.schedule(bhs[0], 1);
                model.schedule(bhs[1], 1);
            }
        });
        model.delete(bhs[0]);
        other.join().unwrap();
        model.poll();
        assert_eq!((model.runs(0), model.runs(1)), (0, 1));
        assert_eq!(model.queue.count(), 1);
        model.assert_at_rest();
    });
}

#[test]
fn deleting_while_a_loop_polls() {
    explore(|| {
        let model = Model::new();
        let bhs = [model.add(0), model.add(1)];
        model.schedule(bhs[0], 1);
        let other = thread::spawn({
            let model = model.clone();
            move || model.delete(bhs[0])
        });
        model.schedule(bhs[1], 2);
        model.poll();
        other.join().unwrap();
        model.poll();
        assert_eq!(model.runs(1), 1);
        assert_eq!(model.queue.count(), 1);
        model.assert_at_rest();
    });
}

#[test]
fn two_loops_take_turns() {
    explore(|| {
        let model = Model::new();
        let bhs = [model.add(0), model.add(1)];
        model.schedule(bhs[0], 1);
        let other = thread::spawn({
            let model = model.clone();
            move || {
                model.schedule(bhs[1], 2);
                model.poll();
            }
        });
        model.poll();
        other.join().unwrap();
        model.poll();
        assert_eq!((model.runs(0), model.runs(1)), (1, 1));
        model.assert_at_rest();
    });
}
