//! The `event_notifier_*` functions that every generation has. Both libraries compile this file.

use core::ffi::c_int;

use aio_notify::abi::EventNotifier;
use aio_notify::argument;
use aio_notify::ffi::event_notifier::{code, NotifierRef};
use aio_notify::ffi::{descriptor::Ends, preserving_errno};

use super::LIBRARY;

/// Opens a notifier, which is initially set if `active` is not 0. It is an eventfd, or a pipe where
/// the kernel has no eventfd (`ENOSYS`, as in some sandboxes); either is non-blocking and
/// close-on-exec. The previous contents of `*e` are ignored, and no descriptor in them is closed.
///
/// # Returns
///
/// 0, or `-errno`.
///
/// # Errors
///
/// `-EMFILE`, `-ENFILE`, `-ENODEV` and `-ENOMEM`, as in eventfd(2) and pipe(2). On failure nothing
/// stays open, and both members are -1. `errno` may change, even on success.
///
/// # Threads
///
/// Any thread, while nobody else uses the notifier; not signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_init(e: *mut EventNotifier, active: c_int) -> c_int {
    let e = argument!(LIBRARY, event_notifier_init(e): NotifierRef<'_>);
    code(e.init(active != 0).map(|()| 0))
}

/// Makes a notifier from `fd`, an open eventfd, which serves as both ends. The notifier owns `fd`
/// from then on: `event_notifier_cleanup()` closes it.
///
/// The flags of `fd` stay as they are. `fd` should be non-blocking; otherwise clearing a notifier
/// that is not set blocks. It must not have been opened with `EFD_SEMAPHORE`; otherwise one call
/// does not clear the notifier.
///
/// # Threads
///
/// Any thread, while nobody else uses the notifier; not signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_init_fd(e: *mut EventNotifier, fd: c_int) {
    let e = argument!(LIBRARY, event_notifier_init_fd(e): NotifierRef<'_>);
    e.adopt(Ends { read: fd, write: fd });
}

/// Closes each descriptor once and sets both members to -1. A second call does nothing.
///
/// # Threads
///
/// Any thread, while nobody else uses the notifier; not signal handlers. `errno` is unchanged. Not
/// a cancellation point on Linux; elsewhere close(2) is one.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_cleanup(e: *mut EventNotifier) {
    let e = argument!(LIBRARY, event_notifier_cleanup(e): NotifierRef<'_>);
    preserving_errno(|| e.cleanup());
}

/// Returns the descriptor to poll for reading.
///
/// # Returns
///
/// The descriptor, or -1 after `event_notifier_cleanup()`.
///
/// # Threads
///
/// Any thread and signal handlers. `errno` is unchanged.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_get_fd(e: *mut EventNotifier) -> c_int {
    let e = argument!(LIBRARY, event_notifier_get_fd(e): NotifierRef<'_>);
    e.read_end()
}

/// Sets the notifier: its descriptor becomes readable and stays so until
/// `event_notifier_test_and_clear()`. The call writes the number 1 as 8 bytes, and retries a write
/// interrupted by a signal.
///
/// # Returns
///
/// 0, even if the notifier was already full, or `-errno`.
///
/// # Errors
///
/// `-EBADF` after `event_notifier_cleanup()`, or if `wfd` is not open for writing; other errors as
/// in write(2).
///
/// # Threads
///
/// Any thread and signal handlers. `errno` is unchanged. Not a cancellation point on Linux.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_set(e: *mut EventNotifier) -> c_int {
    let e = argument!(LIBRARY, event_notifier_set(e): NotifierRef<'_>);
    code(e.set().map(|()| 0))
}

/// Empties the notifier. The call reads until nothing is left, and retries a read interrupted by a
/// signal.
///
/// # Returns
///
/// 1 if the notifier was set, 0 if it was not set or has been cleaned up, or `-errno`. An error is
/// not 0: if a descriptor may be bad, compare the result with 1.
///
/// # Errors
///
/// `-EBADF` if `rfd` is not open for reading; other errors as in read(2).
///
/// # Threads
///
/// Any thread and signal handlers. `errno` is unchanged. Not a cancellation point on Linux.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_test_and_clear(e: *mut EventNotifier) -> c_int {
    let e = argument!(LIBRARY, event_notifier_test_and_clear(e): NotifierRef<'_>);
    code(e.test_and_clear().map(c_int::from))
}

names_for_others!();
