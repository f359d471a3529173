//! `qemu/event_notifier.h`: the event, and its callback.

use core::ffi::c_int;

/// A counter in the kernel that one side sets and the other polls and clears.
///
/// An eventfd where the kernel has it, with `rfd` equal to `wfd`; otherwise a pipe. Both are -1 after
/// `event_notifier_cleanup()` and after a failed `event_notifier_init()`.
#[repr(C)]
pub struct EventNotifier {
    /// Descriptor to poll and to read.
    pub rfd: c_int,
    /// Descriptor to write.
    pub wfd: c_int,
}

/// Called by the program's loop when the notifier has become readable.
pub type EventNotifierHandler = Option<unsafe extern "C" fn(e: *mut EventNotifier)>;
