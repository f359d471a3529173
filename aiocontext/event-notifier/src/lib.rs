//! The event notifier component of libaiocontext.
//!
//! The same code as libaionotify's, under the same names; only its messages start with the name
//! of this library.

#![no_std]

use core::ffi::c_int;

use aio_notify::abi::event_notifier::{EventNotifier, EventNotifierHandler};
use aio_notify::shared::event_notifier as shared;

/// What every message of the library starts with.
const LIBRARY: &str = "aiocontext";

/// Opens a notifier, set if `active` is not 0: an eventfd, or where the kernel has none (`ENOSYS`)
/// a pipe; non-blocking and close-on-exec.
///
/// Returns 0, or `-errno`: then nothing is open and both descriptors are -1. Any thread; nobody
/// else may use `*e` yet.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_init(e: *mut EventNotifier, active: c_int) -> c_int {
    // SAFETY: the same contract.
    unsafe { shared::init(LIBRARY, e, active) }
}

/// Makes a notifier of a descriptor that is open already (an eventfd), for both ends.
///
/// The notifier owns `fd` from then on. Any thread; nobody else may use `*e` yet.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_init_fd(e: *mut EventNotifier, fd: c_int) {
    // SAFETY: the same contract.
    unsafe { shared::init_fd(LIBRARY, e, fd) };
}

/// Closes the notifier's descriptors, each once, and sets both to -1.
///
/// A second call does nothing. `errno` is unchanged. Any thread; nobody may poll the notifier any
/// more.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_cleanup(e: *mut EventNotifier) {
    // SAFETY: the same contract.
    unsafe { shared::cleanup(LIBRARY, e) };
}

/// Returns the descriptor to poll for reading, -1 after `event_notifier_cleanup()`.
///
/// Any thread and signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_get_fd(e: *mut EventNotifier) -> c_int {
    // SAFETY: the same contract.
    unsafe { shared::get_fd(LIBRARY, e) }
}

/// Sets the notifier: its descriptor becomes readable and stays so until
/// `event_notifier_test_and_clear()`.
///
/// Returns 0, also where it was full already, or `-errno` (`-EBADF` after cleanup). `errno` is
/// unchanged. Any thread and signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_set(e: *mut EventNotifier) -> c_int {
    // SAFETY: the same contract.
    unsafe { shared::set(LIBRARY, e) }
}

/// Empties the notifier.
///
/// Returns 1 if it was set, 0 if not, also after `event_notifier_cleanup()`, or `-errno` where its
/// descriptor cannot be read. `errno` is unchanged. Any thread and signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_test_and_clear(e: *mut EventNotifier) -> c_int {
    // SAFETY: the same contract.
    unsafe { shared::test_and_clear(LIBRARY, e) }
}

/// Has the program's loop call `handler(e)` when the notifier is set; NULL removes it.
///
/// Passes the descriptor to the program's own `qemu_set_fd_handler()`. Returns 0, or `-ENOSYS` in
/// a program that has no such function. Threads and signal handlers: as the program's function.
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
    let set_fd_handler = aiocontext_program::set_fd_handler();
    // SAFETY: the same contract.
    unsafe { shared::set_handler(LIBRARY, e, handler, set_fd_handler) }
}
