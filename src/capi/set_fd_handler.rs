//! The program's `qemu_set_fd_handler`, which it may have or not.

use crate::shared::event_notifier::SetFdHandler;

// A weak import: a word that the linker fills with the function's address, or with 0. Stable Rust
// cannot declare one, and would take the address of a declared function for never 0.
#[cfg(not(target_vendor = "apple"))]
core::arch::global_asm!(
    ".weak qemu_set_fd_handler",
    ".pushsection .data.rel.ro,\"aw\"",
    ".balign {size}",
    ".hidden aionotify_qemu_set_fd_handler",
    ".globl aionotify_qemu_set_fd_handler",
    ".type aionotify_qemu_set_fd_handler, %object",
    ".size aionotify_qemu_set_fd_handler, {size}",
    "aionotify_qemu_set_fd_handler:",
    ".dc.a qemu_set_fd_handler",
    ".popsection",
    size = const size_of::<usize>(),
);

/// The program's `qemu_set_fd_handler`, if it has one.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn program_function() -> Option<SetFdHandler> {
    extern "C" {
        static aionotify_qemu_set_fd_handler: Option<SetFdHandler>;
    }
    // SAFETY: a word that is never written after the linker has filled it, with the address of a
    // function of this type or with 0, which is `None`.
    unsafe { aionotify_qemu_set_fd_handler }
}

/// Mach-O has no such import.
#[cfg(target_vendor = "apple")]
pub(super) fn program_function() -> Option<SetFdHandler> {
    None
}
