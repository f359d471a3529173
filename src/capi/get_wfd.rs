//! `event_notifier_get_wfd`, which loops of QEMU 5.2 and later have.

use core::ffi::c_int;

use super::LIBRARY;
use crate::abi::event_notifier::EventNotifier;
use crate::argument;
use crate::ffi::event_notifier::NotifierRef;

/// Returns the descriptor to write to. Only in libraries for loops of QEMU 5.2 and later.
///
/// # Returns
///
/// The descriptor, or -1 after `event_notifier_cleanup()`.
///
/// # Threads
///
/// Any thread and signal handlers. `errno` is unchanged.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[cfg(aionotify_generation = "5.2")]
#[no_mangle]
pub unsafe extern "C" fn event_notifier_get_wfd(e: *const EventNotifier) -> c_int {
    let e = e.cast_mut();
    argument!(LIBRARY, event_notifier_get_wfd(e): NotifierRef<'_>).write_end()
}
