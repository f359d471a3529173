//! ctest's own tests, which ask a C compiler: sizes, alignments, members' offsets, sizes and
//! types, passing structs by value, constants, and that the C names are the Rust functions.

/// The tests that ctest generated, and its runner.
macro_rules! generated {
    ($module:ident, $file:literal) => {
        #[allow(unsafe_op_in_unsafe_fn, unreachable_pub)]
        #[allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
        #[allow(clippy::all)]
        mod $module {
            use aio_notify::abi::aio::*;
            use aio_notify::abi::event_notifier::*;
            use aio_notify::abi::glib::*;
            use aio_notify::abi::rfifolock::*;
            use aio_notify::abi::target::*;
            use aio_notify::abi::thread::*;
            use aio_notify::abi::thread_pool::*;
            use aio_notify::abi::timer::*;
            use aio_notify::capi::aio::*;
            use aio_notify::capi::event_notifier::*;
            use aio_notify::capi::set_handler::*;
            use aio_notify::capi::target::*;

            use std::sync::atomic::Ordering;

            include!(concat!(env!("OUT_DIR"), $file));

            /// Runs all; panics if one fails, else returns how many there were.
            pub(super) fn run() -> usize {
                main();
                NTESTS.load(Ordering::Relaxed)
            }
        }
    };
}

generated!(headers, "/ctest.rs");
generated!(planted, "/planted.rs");

#[test]
fn all_pass() {
    let tests = headers::run();
    assert!(tests > 150, "ctest has lost most of its tests: {tests}");
}

#[test]
fn a_planted_member_is_noticed() {
    assert!(std::panic::catch_unwind(planted::run).is_err());
}
