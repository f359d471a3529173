//! `event_notifier_set_handler`. In QEMU 5.2 and later it is a part of the loop, so libraries for
//! those do not have it.

use core::ffi::{c_int, c_void};

use super::check::not_null;
use super::event_notifier::cells;
use super::set_fd_handler::program_function;
use crate::abi::aio::IOHandler;
use crate::abi::event_notifier::{EventNotifier, EventNotifierHandler};

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
    let e = not_null(e, "event_notifier_set_handler", "e");
    let Some(set_fd_handler) = program_function() else {
        return -libc::ENOSYS;
    };
    // SAFETY: the two types differ only in what the one pointer argument points to; the loop
    // passes it the `opaque` below, which is the notifier that the handler expects.
    let io_read = unsafe { core::mem::transmute::<EventNotifierHandler, IOHandler>(handler) };
    // SAFETY: the notifier is live by this function's contract.
    let fd = unsafe { cells(e) }.read_end();
    // SAFETY: the program's own function, called as the reference calls it; nothing is held.
    unsafe { set_fd_handler(fd, io_read, None, e.as_ptr().cast::<c_void>()) };
    0
}
