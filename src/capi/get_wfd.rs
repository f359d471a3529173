//! `event_notifier_get_wfd`, which loops of QEMU 5.2 and later have.

use core::ffi::c_int;

use super::message::LIBRARY;
use crate::abi::event_notifier::EventNotifier;
use crate::shared::event_notifier as shared;

/// Returns the descriptor to write to, -1 after `event_notifier_cleanup()`.
///
/// Only in libraries for loops of QEMU 5.2 and later. Any thread and signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[cfg(aionotify_generation = "5.2")]
#[no_mangle]
pub unsafe extern "C" fn event_notifier_get_wfd(e: *const EventNotifier) -> c_int {
    // SAFETY: the same contract; nothing is written.
    unsafe { shared::get_wfd(LIBRARY, e.cast_mut()) }
}
