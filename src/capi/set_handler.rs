//! `event_notifier_set_handler`. In QEMU 2.9 and later it is a part of the tree's own loop, so
//! libraries for those do not have it. Both libraries compile this file.

use core::ffi::c_int;

use aio_notify::abi::event_notifier::{EventNotifier, EventNotifierHandler};
use aio_notify::argument;
use aio_notify::ffi::event_notifier::{io_handler, NotifierRef, NO_LOOP};

use super::{set_fd_handler, LIBRARY};

/// Makes the program's loop call `handler(e)` when the notifier is set; NULL removes the handler.
/// The handler must clear the notifier, or the loop calls it again at once. Remove the handler
/// before `event_notifier_cleanup()`.
///
/// The function passes the descriptor, the handler, NULL and `e` to the program's
/// `qemu_set_fd_handler()`, and ignores its result.
///
/// # Returns
///
/// 0, or `-ENOSYS`.
///
/// # Errors
///
/// `-ENOSYS` if the program has no `qemu_set_fd_handler()`.
///
/// # Threads
///
/// Wherever the program's `qemu_set_fd_handler()` may be called. `errno` is as that function leaves
/// it.
///
/// # Safety
///
/// `e` must not be NULL (aborts), must point to an initialised EventNotifier, and must live until
/// the handler is removed.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_set_handler(
    e: *mut EventNotifier,
    handler: EventNotifierHandler,
) -> c_int {
    let fd = argument!(LIBRARY, event_notifier_set_handler(e): NotifierRef<'_>).read_end();
    let Some(set_fd_handler) = set_fd_handler() else { return NO_LOOP };
    // SAFETY: the program's own function, called as the reference calls it; nothing is held. The
    // loop passes the handler its `opaque`, which is the notifier.
    unsafe { set_fd_handler(fd, io_handler(handler), None, e.cast()) };
    0
}
