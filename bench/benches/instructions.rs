//! Counts the instructions of every call with callgrind: they are the same in every run.
//!
//! Each function makes [`CALLS`] calls. What a call costs its caller (some four instructions) is
//! the same for all columns.

#![allow(missing_docs)]

use bench::columns::{foreign, peers};
use bench::instructions::CALLS;
use bench::peer::{Loop, Peer};
use gungraun::{library_benchmark, library_benchmark_group, main};

/// A loop that nobody sleeps in, or somebody, and which may have been notified.
fn set_up(peer: Peer, asleep: bool, notified: bool) -> Loop {
    let woken = peer.create();
    woken.set_asleep(asleep);
    // What the first calls do in addition is not counted.
    woken.notify();
    woken.consume();
    if notified {
        woken.notify();
    }
    woken
}

fn idle(peer: usize) -> Loop {
    set_up(peers()[peer], false, false)
}

fn armed(peer: usize) -> Loop {
    set_up(peers()[peer], true, false)
}

fn pending(peer: usize) -> Loop {
    set_up(peers()[peer], true, true)
}

/// One alone, so the number stands for nothing.
fn armed_foreign(_: usize) -> Loop {
    set_up(foreign(), true, false)
}

#[library_benchmark]
#[benches::of(iter = 0..peers().len(), setup = idle)]
fn notify_idle(woken: Loop) -> Loop {
    woken.notify_times(CALLS);
    woken
}

#[library_benchmark]
#[benches::of(iter = 0..peers().len(), setup = pending)]
fn notify_pending(woken: Loop) -> Loop {
    woken.notify_times(CALLS);
    woken
}

#[library_benchmark]
#[benches::of(iter = 0..peers().len(), setup = idle)]
fn accept_nothing(woken: Loop) -> Loop {
    woken.consume_times(CALLS);
    woken
}

#[library_benchmark]
#[benches::of(iter = 0..peers().len(), setup = armed)]
fn notify_accept(woken: Loop) -> Loop {
    for _ in 0..CALLS {
        woken.notify();
        woken.consume();
    }
    woken
}

#[library_benchmark]
#[benches::of(iter = 0..1, setup = armed_foreign)]
fn foreign_notify_accept(woken: Loop) -> Loop {
    for _ in 0..CALLS {
        woken.notify();
        woken.consume();
    }
    woken
}

library_benchmark_group!(
    name = instructions,
    benchmarks =
        [notify_idle, notify_pending, accept_nothing, notify_accept, foreign_notify_accept]
);

main!(library_benchmark_groups = instructions);
