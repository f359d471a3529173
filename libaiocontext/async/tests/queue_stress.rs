//! The queue of bottom halves under load: threads that make, schedule, cancel and delete, and two
//! that poll. For the sanitizers, which see what becomes of the memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

#[path = "../src/queue/mod.rs"]
#[allow(dead_code)] // Not all of it is needed here.
mod queue;
#[path = "../src/sync.rs"]
mod sync;

use queue::{BottomHalf, Queue, Urgency};

/// What a bottom half is for: to see that there is something to do.
struct Job {
    /// Written before it is scheduled, taken by the thread that runs it.
    wanted: AtomicUsize,
    done: AtomicUsize,
}

impl Job {
    const fn new() -> Self {
        Self { wanted: AtomicUsize::new(0), done: AtomicUsize::new(0) }
    }
}

type Bh = BottomHalf<&'static Job>;

fn poll(queue: &Queue<&'static Job>) {
    if let Some(pass) = queue.begin() {
        while let Some(turn) = queue.take_turn(pass) {
            let wanted = turn.task.wanted.swap(0, Relaxed);
            turn.task.done.fetch_add(wanted, Relaxed);
        }
    }
}

fn want(queue: &Queue<&'static Job>, bh: *mut Bh, job: &Job, urgency: Urgency) {
    job.wanted.fetch_add(1, Relaxed);
    // SAFETY: the caller deletes the bottom half afterwards, or nobody does.
    unsafe { queue.schedule(bh, urgency) };
}

#[test]
fn nothing_is_lost_and_nothing_is_left() {
    const ROUNDS: usize = 20_000;
    const THREADS: usize = 3;
    static SHARED: [Job; 3] = [const { Job::new() }; 3];
    static OWN: [Job; THREADS] = [const { Job::new() }; THREADS];
    // SAFETY: takes a number. A test that hangs is ended.
    unsafe { libc::alarm(300) };
    let queue = Queue::new();
    let shared = SHARED.each_ref().map(|job| queue.add(job) as usize);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let pollers = [0, 1].map(|_| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    poll(&queue);
                }
            })
        });
        let workers: Vec<_> = OWN
            .iter()
            .map(|own| {
                let queue = &queue;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let urgency = if round % 3 == 0 { Urgency::Idle } else { Urgency::Now };
                        let one = round % SHARED.len();
                        want(queue, shared[one] as *mut Bh, &SHARED[one], urgency);
                        let bh = queue.add(own);
                        want(queue, bh, own, urgency);
                        if round % 2 == 0 {
                            // SAFETY: not deleted yet.
                            unsafe { queue.cancel(bh) };
                            want(queue, bh, own, Urgency::Now);
                        }
                        // SAFETY: once, by the thread that made it.
                        unsafe { queue.delete(bh) };
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        over.store(true, Relaxed);
        for poller in pollers {
            poller.join().unwrap();
        }
    });
    poll(&queue);
    assert_eq!(queue.most_urgent(), None);
    assert_eq!(queue.count(), SHARED.len(), "deleted ones are left");
    for job in &SHARED {
        assert_eq!(job.wanted.load(Relaxed), 0, "a schedule is lost");
    }
    let wanted: usize = SHARED.iter().map(|job| job.done.load(Relaxed)).sum();
    assert_eq!(wanted, ROUNDS * THREADS);
}
