//! The C programs notice a library with a known fault: they are linked with one, and must fail.

use capi_tests::{output, program, Finished, Patched, Program};

/// Runs a program with a library in whose protocol a text is replaced.
fn run(name: &str, fault: &str, from: &str, to: &str) -> Finished {
    let copy = Patched::new(fault).replace("src/protocol.rs", from, to);
    let built = copy.build("release");
    assert!(built.status.success(), "{}", built.stderr);
    let archive = copy.library("release", "libaionotify.a");
    let program_file = Program::new(name).flags(&["-D_GNU_SOURCE"]).build_with(&archive);
    output(program(&program_file).env("AIONOTIFY_WATCHDOG", "10"))
}

fn assert_fails(finished: &Finished, message: &str) {
    assert!(!finished.status.success(), "it should have failed: {finished:?}");
    assert!(finished.stderr.contains(message), "another failure: {}", finished.stderr);
}

/// The reference's order: the woken loop polls round until the waker runs again.
#[test]
fn flag_after_the_event_spins_on_one_cpu() {
    let finished = run("one_cpu", "flag-after", "    ctx.notified().store(true, Relaxed);\n", "");
    assert_fails(&finished, "failed: polls <= 2");
}

/// Whoever finds the flag set leaves the write to others: the loop sleeps on.
#[test]
fn a_skipped_write_loses_a_wakeup() {
    let finished = run(
        "wakeups",
        "skipped-write",
        "    ctx.notified().store(true, Relaxed);\n",
        "    if ctx.notified().swap(true, SeqCst) {\n        return;\n    }\n",
    );
    assert_fails(&finished, "watchdog: hangs in");
}

/// An event that is never emptied.
#[test]
fn an_accept_that_does_nothing_spins() {
    let finished =
        run("notify", "no-accept", "    if ctx.notified().load(Relaxed) {", "    if false {");
    assert_fails(&finished, "reads is 0, expected 1");
}
