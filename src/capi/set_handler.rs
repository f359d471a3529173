//! `event_notifier_set_handler`. In QEMU 5.2 and later it is a part of the loop, so libraries for
//! those do not have it.

use core::ffi::c_int;

use super::message::LIBRARY;
use super::set_fd_handler::program_function;
use crate::abi::event_notifier::{EventNotifier, EventNotifierHandler};
use crate::shared::event_notifier as shared;

/// Has the program's loop call `handler(e)` when the notifier is set; NULL removes it.
///
/// Passes the descriptor to the program's own `qemu_set_fd_handler()`. Returns 0, or `-ENOSYS` in
/// a program that has no such function.
///
/// Threads and signal handlers: as the program's function.
///
/// # Safety
///
/// `e` must not be NULL (aborts), must point to an initialised EventNotifier and must live until
/// the handler is removed.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_set_handler(
    e: *mut EventNotifier,
    handler: EventNotifierHandler,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { shared::set_handler(LIBRARY, e, handler, program_function()) }
}
