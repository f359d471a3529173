//! `qemu/event_notifier.h`: the struct. Its functions are in `capi::event_notifier`.

use core::ffi::c_int;

/// A counter in the kernel that one side sets and the other polls and clears.
///
/// An eventfd where the kernel has it, then `rfd` equals `wfd`; else a pipe. Both are -1 after
/// `event_notifier_cleanup()` and after a failed `event_notifier_init()`.
#[repr(C)]
pub struct EventNotifier {
    /// Descriptor to poll and to read.
    pub rfd: c_int,
    /// Descriptor to write.
    pub wfd: c_int,
}

assert_layout!("x86_64", EventNotifier: 8 / 4, rfd: 0, wfd: 4);
assert_layout!("aarch64", EventNotifier: 8 / 4, rfd: 0, wfd: 4);
assert_layout!("x86", EventNotifier: 8 / 4, rfd: 0, wfd: 4);

/// Called by the program's loop when the notifier has become readable.
pub type EventNotifierHandler = Option<unsafe extern "C" fn(e: *mut EventNotifier)>;
