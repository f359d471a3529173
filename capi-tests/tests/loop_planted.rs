//! The C programs notice a loop with a known fault: they are linked with one, and must fail.

use capi_tests::{output, program, Linkage, Program};

/// Runs a program of the loop with a component of `c/loop/own`, which is like the reference's: it
/// must fail with these words.
fn assert_notices(name: &str, component: &str, words: &str) {
    let built = Program::of_loop(name).owning(component).build(Linkage::Dynamic);
    let finished = output(&mut program(&built));
    assert!(!finished.status.success(), "it should have failed: {finished:?}");
    assert!(finished.stderr.contains(words), "another failure: {}", finished.stderr);
}

/// The owner of the lock sleeps although a thread waits for it.
#[test]
fn a_loop_that_does_not_look_at_the_waiters_deadlocks() {
    assert_notices("lock", "posix", "deadlock: the owner sleeps while a thread waits for the lock");
}

#[test]
fn a_loop_that_polls_closed_descriptors_is_busy() {
    assert_notices(
        "descriptors",
        "posix",
        "aio_poll_drops_a_closed_descriptor: failed: polls <= 300",
    );
}

#[test]
fn a_source_for_each_descriptor_is_noticed() {
    assert_notices(
        "glib",
        "posix",
        "aio_get_g_source_polls_one_descriptor: after - before is 54, expected 4",
    );
}

#[test]
fn a_system_call_in_each_poll_is_noticed() {
    assert_notices("system_calls", "posix", "aio_poll_without_handlers_makes_no_system_call");
}

#[test]
fn another_order_of_bottom_halves_is_noticed() {
    assert_notices("bottom_halves", "async", "ran \"cba\", expected \"bca\"");
}
