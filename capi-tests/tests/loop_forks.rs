//! Fork, and several pollers of one context: the C programs of `c/loop/` that show what each
//! process and each poller may count on.
//!
//! `AIONOTIFY_FULL` in the environment selects their full form.

use capi_tests::{program, succeed, Linkage, Program};

/// Builds and runs a program; its own messages say which of its tests failed.
fn run(name: &str) {
    let finished = succeed(&mut program(&Program::of_loop(name).build(Linkage::Dynamic)));
    println!("{}", finished.stdout);
    assert!(finished.stdout.contains("ok "), "it ran no test: {finished:?}");
    // Nor has the library anything to say: not in the parent, and not in a child.
    assert_eq!(finished.stderr, "", "{name} says something");
}

macro_rules! c_programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*
    };
}

c_programs! {
    fork_apart
    fork_beside
    fork_descriptors
    fork_matrix
    fork_pool
    fork_storms
    mixed_pollers
    own_loops
}
