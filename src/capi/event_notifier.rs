//! The `event_notifier_*` functions that every generation has. Both libraries compile this file.

use core::ffi::c_int;

use aio_notify::abi::EventNotifier;
use aio_notify::argument;
use aio_notify::ffi::event_notifier::{code, NotifierRef};
use aio_notify::ffi::{descriptor::Ends, preserving_errno};

use super::LIBRARY;

/// Opens a notifier, set if `active` is not 0: an eventfd, or where the kernel has none (`ENOSYS`,
/// as in some sandboxes) a pipe; non-blocking and close-on-exec. What `*e` held before is not
/// looked at, and nothing of it is closed.
///
/// # Returns
///
/// 0, or `-errno`.
///
/// # Errors
///
/// `-EMFILE`, `-ENFILE`, `-ENODEV` and `-ENOMEM` as eventfd(2) and pipe(2) say. Nothing is open
/// then, and both members are -1. `errno` may change, also on success.
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

/// Makes a notifier of `fd`, an eventfd that is already open, for both ends. The notifier owns `fd`
/// from then on: `event_notifier_cleanup()` closes it.
///
/// The flags of `fd` stay as they are. It should be non-blocking, or clearing the notifier blocks
/// while it is not set, and must not have been opened with `EFD_SEMAPHORE`, or one call does not
/// clear it.
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

/// Closes the descriptors, each once, and sets both members to -1. A second call does nothing.
///
/// # Threads
///
/// Any thread, while nobody else uses the notifier; not signal handlers. `errno` is unchanged. A
/// cancellation point, as close(2) is: a thread that is cancelled there may leave a descriptor open
/// that `*e` no longer names.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_cleanup(e: *mut EventNotifier) {
    let e = argument!(LIBRARY, event_notifier_cleanup(e): NotifierRef<'_>);
    preserving_errno(|| e.cleanup());
}

/// Tells which descriptor to poll for reading.
///
/// # Returns
///
/// The descriptor, -1 after `event_notifier_cleanup()`.
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

/// Sets the notifier: its descriptor becomes readable, and stays so until
/// `event_notifier_test_and_clear()`. It writes the number 1 as 8 bytes, and repeats a write that a
/// signal interrupts.
///
/// # Returns
///
/// 0, also if the notifier was full already, or `-errno`.
///
/// # Errors
///
/// `-EBADF` after `event_notifier_cleanup()`, or if `wfd` is not open for writing; other errors of
/// write(2).
///
/// # Threads
///
/// Any thread and signal handlers. `errno` is unchanged. No cancellation point on Linux.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_set(e: *mut EventNotifier) -> c_int {
    let e = argument!(LIBRARY, event_notifier_set(e): NotifierRef<'_>);
    code(e.set().map(|()| 0))
}

/// Empties the notifier: it reads until nothing is left, and repeats a read that a signal
/// interrupts.
///
/// # Returns
///
/// 1 if the notifier was set, 0 if it was not or has been cleaned up, or `-errno`. An error is not
/// 0: compare with 1 where a descriptor may be bad.
///
/// # Errors
///
/// `-EBADF` if `rfd` is not open for reading; other errors of read(2).
///
/// # Threads
///
/// Any thread and signal handlers. `errno` is unchanged. No cancellation point on Linux.
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
