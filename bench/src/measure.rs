//! What is measured, as functions that do it so many times and return how long it took.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::cpu::Place;
use crate::peer::{Loop, Peer};

/// Loops that are notified one after the other, so that a clock is read once for many calls.
const LOOPS: usize = 64;

/// Notifies a loop that nobody sleeps in; where the library does not look, one that has not been
/// notified.
pub fn notify_idle(peer: Peer, times: u64) -> Duration {
    if !peer.knows_sleepers() {
        return notify_armed(peer, times);
    }
    let woken = peer.create();
    timed(|| woken.notify_times(times))
}

/// Notifies a loop that somebody sleeps in and that has not been notified.
pub fn notify_armed(peer: Peer, times: u64) -> Duration {
    let loops: Vec<Loop> = (0..LOOPS).map(|_| armed(peer)).collect();
    let mut spent = Duration::ZERO;
    let mut left = times as usize;
    while left > 0 {
        let now = left.min(LOOPS);
        let begin = Instant::now();
        for woken in &loops[..now] {
            woken.notify();
        }
        spent += begin.elapsed();
        loops[..now].iter().for_each(Loop::consume);
        left -= now;
    }
    spent
}

/// Notifies a loop that somebody sleeps in and that has been notified already.
pub fn notify_pending(peer: Peer, times: u64) -> Duration {
    let woken = armed(peer);
    woken.notify();
    let spent = timed(|| woken.notify_times(times));
    woken.consume();
    spent
}

/// Takes notifications where there are none.
pub fn accept_nothing(peer: Peer, times: u64) -> Duration {
    let woken = peer.create();
    woken.consume();
    timed(|| woken.consume_times(times))
}

/// Notifies a loop that somebody sleeps in and takes the notification.
pub fn notify_and_accept(peer: Peer, times: u64) -> Duration {
    let woken = armed(peer);
    timed(|| {
        for _ in 0..times {
            woken.notify();
            woken.consume();
        }
    })
}

/// So many threads notify, as fast as they can, a loop that sleeps whenever it has seen all there
/// is; until it has seen so many notifications.
pub fn producers(peer: Peer, count: u64, times: u64) -> Duration {
    let woken = peer.create();
    let sent = AtomicU64::new(0);
    let each = times.div_ceil(count);
    let ready = Barrier::new(count as usize + 1);
    thread::scope(|scope| {
        let producing: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    ready.wait();
                    let begin = Instant::now();
                    for _ in 0..each {
                        sent.fetch_add(1, Ordering::Relaxed);
                        woken.notify();
                    }
                    begin
                })
            })
            .collect();
        ready.wait();
        wait_for(&woken, &sent, each * count);
        let end = Instant::now();
        let begun = producing.into_iter().map(|thread| thread.join().expect("it does not panic"));
        end - begun.min().expect("there are producers")
    })
}

/// Two loops wake each other in turn.
pub fn ping_pong(peer: Peer, place: Place, rounds: u64) -> Duration {
    let [ping, pong] = [peer.create(), peer.create()];
    let [pings, pongs] = [const { AtomicU64::new(0) }; 2];
    let ready = Barrier::new(2);
    // Both on threads of their own: this one keeps its CPUs.
    thread::scope(|scope| {
        scope.spawn(|| {
            place.take(false);
            ready.wait();
            for round in 1..=rounds {
                wait_for(&ping, &pings, round);
                pongs.store(round, Ordering::Relaxed);
                pong.notify();
            }
        });
        let spent = scope.spawn(|| {
            place.take(true);
            ready.wait();
            let begin = Instant::now();
            for round in 1..=rounds {
                pings.store(round, Ordering::Relaxed);
                ping.notify();
                wait_for(&pong, &pongs, round);
            }
            begin.elapsed()
        });
        spent.join().expect("it does not panic")
    })
}

/// How long it takes from notify until the sleeping loop runs, so many times.
pub fn wake_latencies(peer: Peer, place: Place, busy: bool, wakes: u64) -> Vec<Duration> {
    let woken = peer.create();
    let [sent, served] = [const { AtomicU64::new(0) }; 2];
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let sent_at = AtomicU64::new(0);
    let now = || start.elapsed().as_nanos() as u64;
    thread::scope(|scope| {
        if busy {
            for _ in crate::cpu::available() {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
        }
        scope.spawn(|| {
            place.take(false);
            for wake in 1..=wakes {
                // Until the loop sleeps, and the waker too, as one does that had to wait for
                // what it now hands over.
                thread::sleep(Duration::from_micros(50));
                sent_at.store(now(), Ordering::Relaxed);
                sent.store(wake, Ordering::Relaxed);
                woken.notify();
                while served.load(Ordering::Acquire) < wake {
                    thread::sleep(Duration::from_micros(20));
                }
            }
        });
        let looping = scope.spawn(|| {
            place.take(true);
            let mut latencies = Vec::new();
            for wake in 1..=wakes {
                wait_for(&woken, &sent, wake);
                latencies.push(Duration::from_nanos(now() - sent_at.load(Ordering::Relaxed)));
                served.store(wake, Ordering::Release);
            }
            stop.store(true, Ordering::Relaxed);
            latencies
        });
        looping.join().expect("it does not panic")
    })
}

/// Runs the loop until so many have been sent.
fn wait_for(woken: &Loop, sent: &AtomicU64, total: u64) {
    loop {
        let seen = sent.load(Ordering::Relaxed);
        if seen >= total {
            return;
        }
        woken.sleep(sent, seen);
    }
}

fn armed(peer: Peer) -> Loop {
    let woken = peer.create();
    woken.set_asleep(true);
    // Some libraries do more the first time.
    woken.notify();
    woken.consume();
    woken
}

fn timed(action: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    action();
    begin.elapsed()
}
