//! The program's `qemu_set_fd_handler`, which it may have or not.

use crate::ffi::event_notifier::SetFdHandler;

crate::symbols! {
    in "aionotify_";
    weak pub(super) fn set_fd_handler() -> Option<SetFdHandler> = "qemu_set_fd_handler";
}
