//! `event_notifier_get_wfd`, which loops of QEMU 5.2 and later have.

use core::ffi::c_int;

use super::check::not_null;
use super::event_notifier::cells;
use crate::abi::event_notifier::EventNotifier;

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
    let e = not_null(e.cast_mut(), "event_notifier_get_wfd", "e");
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { cells(e) };
    cells.write_end()
}
