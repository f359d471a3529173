//! The program's own main loop.

use aio_notify::ffi::event_notifier::SetFdHandler;
use aio_notify::symbols;

symbols! {
    in "aiocontext_weak_imports_";
    // Has the program's main loop watch a descriptor.
    weak pub fn set_fd_handler() -> Option<SetFdHandler> = "qemu_set_fd_handler";
    weak fn program_notify() -> Option<extern "C" fn()> = "qemu_notify_event";
}

/// Wakes the program's main loop. Does nothing in a program without `qemu_notify_event()`, which
/// has no main loop to be woken.
pub fn notify_event() {
    if let Some(function) = program_notify() {
        function();
    }
}
