//! The event notifier component of libaiocontext.
//!
//! libaionotify's code, under the same names; only its messages start with the name of this library.

#![no_std]

/// Names for the async component, which stand beside the functions.
macro_rules! names_for_others {
    () => {
        aio_notify::hidden_names! {
            "aiocontext_event_notifier_event_notifier_set" = event_notifier_set;
            "aiocontext_event_notifier_event_notifier_test_and_clear" =
                event_notifier_test_and_clear;
        }
    };
}

#[path = "../../../src/capi/event_notifier.rs"]
mod event_notifier;
#[path = "../../../src/capi/set_handler.rs"]
mod set_handler;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;
use aiocontext_weak_imports::set_fd_handler;

pub use event_notifier::*;
pub use set_handler::*;
