//! The view of an EventNotifier, and what its exports in both libraries share.

use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicI32};

use super::View;
use crate::abi::aio::IOHandler;
use crate::abi::event_notifier::{EventNotifier, EventNotifierHandler};
use crate::layout::{INITIALIZED, RFD, WFD};
use crate::Error;

pub use crate::event_notifier::NotifierRef;

/// The program's `qemu_set_fd_handler`, in the type that it has in the reference.
///
/// What it returns differs from one version of QEMU to another and always meant success, so
/// nothing is taken from it.
pub type SetFdHandler =
    unsafe extern "C" fn(fd: c_int, io_read: IOHandler, io_write: IOHandler, opaque: *mut c_void);

impl View for NotifierRef<'_> {
    type Of = EventNotifier;

    /// Other code accesses the notifier atomically, or not at the same time.
    #[inline]
    unsafe fn new(e: NonNull<EventNotifier>) -> Self {
        let word = |offset| {
            let word = e.as_ptr().wrapping_byte_add(offset).cast();
            // SAFETY: an `int` of a live notifier, whose layout the library was built for: aligned, and
            // accessed atomically by all.
            unsafe { AtomicI32::from_ptr(word) }
        };
        let view = Self::of(word(RFD), word(WFD));
        let Some(offset) = INITIALIZED else { return view };
        let initialized = e.as_ptr().wrapping_byte_add(offset).cast();
        // SAFETY: a `bool` of a live notifier, accessed atomically by all.
        view.guarded_by(unsafe { AtomicBool::from_ptr(initialized) })
    }
}

/// The return value of a call: 0 or more, else `-errno`.
pub fn code(result: Result<c_int, Error>) -> c_int {
    result.unwrap_or_else(|e| -e.raw_os_error())
}

/// What `event_notifier_set_handler` returns in a program without a loop for it.
pub const NO_LOOP: c_int = -libc::ENOSYS;

/// The handler as the loop calls it, with the notifier as its `opaque`.
pub fn io_handler(handler: EventNotifierHandler) -> IOHandler {
    // SAFETY: the two types differ only in what the one pointer argument points to.
    unsafe { core::mem::transmute::<EventNotifierHandler, IOHandler>(handler) }
}
