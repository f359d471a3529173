//! Calls that several threads make at the same time, and whether an order explains their results.

use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Barrier;
use std::thread;

use crate::context::{Call, Shared};

/// A call that was made, and when, by a clock that ticks with every event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    call: Call,
    result: c_int,
    began: usize,
    ended: usize,
}

/// Runs the calls of each thread in their order, the threads side by side.
pub(crate) fn run_together(shared: &Shared, threads: &[Vec<Call>]) -> Vec<Made> {
    let clock = AtomicUsize::new(0);
    let ready = Barrier::new(threads.len());
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    thread::scope(|scope| {
        let running: Vec<_> = threads
            .iter()
            .map(|calls| {
                scope.spawn(|| {
                    ready.wait();
                    let make = |&call: &Call| {
                        let began = tick();
                        let result = shared.call(call);
                        Made { call, result, began, ended: tick() }
                    };
                    calls.iter().map(make).collect::<Vec<_>>()
                })
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Whether the calls could have happened one after the other, with these results, each between
/// its beginning and its end.
pub(crate) fn has_an_order(history: &[Made], full_in_the_end: bool) -> bool {
    fn search(left: &[Made], full: bool, end: bool) -> bool {
        if left.is_empty() {
            return full == end;
        }
        // The next call is one that began before any other ended.
        let first_end = left.iter().map(|made| made.ended).min().unwrap();
        left.iter().enumerate().filter(|(_, made)| made.began < first_end).any(|(i, made)| {
            let (result, after) = match made.call {
                Call::Set => (0, true),
                _ => (c_int::from(full), false),
            };
            let mut rest = left.to_vec();
            rest.remove(i);
            result == made.result && search(&rest, after, end)
        })
    }
    search(history, false, full_in_the_end)
}

#[test]
fn the_search_for_an_order_finds_none_where_there_is_none() {
    let made = |call, result, began, ended| Made { call, result, began, ended };
    // Set and then, afterwards, found empty.
    let history = [made(Call::Set, 0, 0, 1), made(Call::TestAndClear, 0, 2, 3)];
    assert!(!has_an_order(&history, true));
    // At the same time it may be so.
    let history = [made(Call::Set, 0, 0, 3), made(Call::TestAndClear, 0, 1, 2)];
    assert!(has_an_order(&history, true));
    assert!(!has_an_order(&history, false));
}
