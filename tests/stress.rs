//! Threads that hand plain memory to loops, as fast as they can, with [`Notifier`] in between.
//!
//! It has no test harness, so that it runs under ThreadSanitizer with a compiler whose standard
//! library is not instrumented. `stress [ROUNDS]`: how often each thread hands something over.

use std::cell::UnsafeCell;
use std::env;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use aio_notify::Notifier;

const NOTIFIERS: usize = 3;
const LOOPS: usize = 2;

/// After so many seconds a wakeup is lost: many times what the slowest machine takes.
const WATCHDOG: Duration = Duration::from_secs(300);

/// A request: odd turns are the loop's, even ones the notifier's.
struct Slot {
    turn: AtomicU32,
    data: UnsafeCell<u32>,
}

// SAFETY: `data` is only accessed by the thread whose turn it is.
unsafe impl Sync for Slot {}

struct Shared {
    notifier: Notifier,
    slots: [Slot; NOTIFIERS],
    stop: AtomicBool,
}

fn hand_over(shared: &Shared, slot: &Slot, rounds: u32) {
    for round in 1..=rounds {
        // SAFETY: the turn is even, so this thread's.
        unsafe { *slot.data.get() = round };
        slot.turn.store(2 * round - 1, Ordering::Release);
        shared.notifier.notify();
        while slot.turn.load(Ordering::Acquire) != 2 * round {
            thread::yield_now();
        }
        // SAFETY: as above.
        assert_eq!(unsafe { *slot.data.get() }, !round);
    }
}

/// Serves what there is; returns how much.
fn serve(shared: &Shared) -> u32 {
    let mut served = 0;
    for slot in &shared.slots {
        let turn = slot.turn.load(Ordering::Acquire);
        if turn % 2 == 1 {
            // SAFETY: the turn is odd, so the loop's.
            let data = unsafe { &mut *slot.data.get() };
            *data = !*data;
            slot.turn.store(turn + 1, Ordering::Release);
            served += 1;
        }
    }
    served
}

/// The loop; returns how much it has served.
fn run(shared: &Shared) -> u32 {
    let mut served = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let polling = shared.notifier.begin_poll();
        let waiting = shared.slots.iter().any(|slot| slot.turn.load(Ordering::Relaxed) % 2 == 1);
        let ready = waiting || shared.stop.load(Ordering::Relaxed);
        polling.wait(if ready { Some(Duration::ZERO) } else { None }).unwrap();
        served += serve(shared);
    }
    served
}

fn main() {
    // Under `cargo test` the arguments are the harness's.
    let rounds = env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(20_000);
    thread::spawn(|| {
        thread::sleep(WATCHDOG);
        eprintln!("stress: a wakeup is lost");
        process::abort();
    });
    let loops: Vec<_> = (0..LOOPS)
        .map(|_| {
            let shared = Arc::new(Shared {
                notifier: Notifier::new().unwrap(),
                slots: [const { Slot { turn: AtomicU32::new(0), data: UnsafeCell::new(0) } };
                    NOTIFIERS],
                stop: AtomicBool::new(false),
            });
            let looping = thread::spawn({
                let shared = shared.clone();
                move || run(&shared)
            });
            let notifying: Vec<_> = (0..NOTIFIERS)
                .map(|notifier| {
                    let shared = shared.clone();
                    thread::spawn(move || hand_over(&shared, &shared.slots[notifier], rounds))
                })
                .collect();
            (shared, looping, notifying)
        })
        .collect();
    for (shared, looping, notifying) in loops {
        for thread in notifying {
            thread.join().unwrap();
        }
        shared.stop.store(true, Ordering::Relaxed);
        shared.notifier.notify();
        assert_eq!(looping.join().unwrap(), NOTIFIERS as u32 * rounds);
    }
    println!("stress: {} handovers ... ok", (LOOPS * NOTIFIERS) as u32 * rounds);
}
