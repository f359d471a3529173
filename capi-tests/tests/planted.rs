//! The C programs notice a library with a known fault: they are linked with one, and must fail.

use capi_tests::{output, program, Finished, Patched, Program};

/// Runs a program with a library in whose protocol a text is replaced.
fn run(name: &str, fault: &str, from: &str, to: &str) -> Finished {
    let copy = Patched::new(fault).replace("src/protocol/flag.rs", from, to);
    let built = copy.build("release");
    assert!(built.status.success(), "{}", built.stderr);
    let archive = copy.library("release", "libaionotify.a");
    let program_file = Program::new(name).named(fault).flags(&["-D_GNU_SOURCE"]);
    let program_file = program_file.build_with(&archive);
    output(&mut program(&program_file))
}

fn assert_fails(finished: &Finished, message: &str) {
    assert!(!finished.status.success(), "it should have failed: {finished:?}");
    assert!(finished.stderr.contains(message), "another failure: {}", finished.stderr);
}

const FLAG_BEFORE: &str = "    notified.store(true, Relaxed);\n";
const FLAG_AFTER: &str = "    notified.store(true, Release);\n";

/// The reference's order: the woken loop busy-loops until the waker is rescheduled.
#[test]
fn no_flag_before_the_event_spins() {
    let finished = run("notify", "flag-after", FLAG_BEFORE, "");
    assert_fails(&finished, "aio_notify_accept_empties_the_event_right_behind_the_write: failed");
}

/// The same, seen from outside.
#[test]
fn no_flag_before_the_event_spins_on_one_cpu() {
    let finished = run("one_cpu", "flag-after-one-cpu", FLAG_BEFORE, "");
    assert_fails(&finished, "failed: polls <= 2");
}

/// The event can stay full with the flag clear: no accept ever empties it.
#[test]
fn no_flag_after_the_event_leaves_it_full() {
    let finished = run("notify", "flag-before", FLAG_AFTER, "");
    assert_fails(&finished, "aio_notify_leaves_no_full_event_with_a_clear_flag: failed");
}

/// A notifier that finds the flag set skips its write: the loop sleeps on.
#[test]
fn a_spared_write_loses_a_wakeup() {
    let exchange = "    if notified.swap(true, SeqCst) {\n        return;\n    }\n";
    let finished = run("notify", "spared-write", FLAG_BEFORE, exchange);
    assert_fails(&finished, "aio_notify_writes_although_the_flag_is_set: writes is 0, expected 1");
}

/// An event that is never emptied.
#[test]
fn an_accept_that_does_nothing_spins() {
    let finished =
        run("notify", "no-accept", "    if words.notified.load(Relaxed) {", "    if false {");
    assert_fails(&finished, "reads is 0, expected 1");
}
