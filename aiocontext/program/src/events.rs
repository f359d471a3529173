//! The program's own main loop.

use aio_notify::shared::event_notifier::SetFdHandler;

use crate::import::weak_import;

weak_import!(program_set_fd_handler = "qemu_set_fd_handler": SetFdHandler);
weak_import!(program_notify = "qemu_notify_event": unsafe extern "C" fn());

/// The function that has the program's main loop watch a descriptor; `None` if it has none.
pub fn set_fd_handler() -> Option<SetFdHandler> {
    program_set_fd_handler()
}

/// Wakes the program's main loop. Does nothing in a program without `qemu_notify_event()`, which
/// has no main loop to be woken.
pub fn notify_event() {
    if let Some(function) = program_notify() {
        // SAFETY: the program's own function, called as the reference calls it.
        unsafe { function() };
    }
}
