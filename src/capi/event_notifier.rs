//! The `event_notifier_*` functions that every generation has.

use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicI32};

use super::check::not_null;
use super::layout::{INITIALIZED, RFD, WFD};
use crate::abi::event_notifier::EventNotifier;
use crate::descriptor::Ends;
use crate::error::preserving_errno;
use crate::event_notifier::Cells;
use crate::Error;

/// The safe core's view of a notifier.
///
/// # Safety
///
/// `e` points to an EventNotifier that lives for `'a`; other code accesses it atomically or not at
/// the same time.
#[inline]
pub(super) unsafe fn cells<'a>(e: NonNull<EventNotifier>) -> Cells<'a> {
    let e = e.as_ptr();
    // SAFETY: within the notifier, whose layout the library was built for.
    let rfd = unsafe { e.byte_add(RFD) };
    // SAFETY: within the notifier, whose layout the library was built for.
    let wfd = unsafe { e.byte_add(WFD) };
    // SAFETY: an `int` of a live notifier, aligned, accessed atomically by all.
    let rfd = unsafe { AtomicI32::from_ptr(rfd.cast()) };
    // SAFETY: an `int` of a live notifier, aligned, accessed atomically by all.
    let wfd = unsafe { AtomicI32::from_ptr(wfd.cast()) };
    let cells = Cells::new(rfd, wfd);
    let Some(offset) = INITIALIZED else { return cells };
    // SAFETY: within the notifier, whose layout the library was built for.
    let initialized = unsafe { e.byte_add(offset) };
    // SAFETY: a `bool` of a live notifier, accessed atomically by all.
    cells.guarded_by(unsafe { AtomicBool::from_ptr(initialized.cast()) })
}

/// The return value of a call: 0 or more, else `-errno`.
fn code(result: Result<c_int, Error>) -> c_int {
    result.unwrap_or_else(|e| -e.raw_os_error())
}

/// Opens a notifier, set if `active` is not 0: an eventfd, or where the kernel has none (`ENOSYS`)
/// a pipe; non-blocking and close-on-exec.
///
/// Returns 0, or `-errno` (`-EMFILE`, `-ENFILE`, `-ENODEV`, `-ENOMEM`): then nothing is open and
/// both descriptors are -1. What `*e` held before is not looked at.
///
/// Any thread; nobody else may use `*e` yet.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_init(e: *mut EventNotifier, active: c_int) -> c_int {
    let e = not_null(e, "event_notifier_init", "e");
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { cells(e) };
    code(cells.init(active != 0).map(|()| 0))
}

/// Makes a notifier of a descriptor that is open already (an eventfd), for both ends.
///
/// The notifier owns `fd` from then on: `event_notifier_cleanup()` closes it. Any thread; nobody
/// else may use `*e` yet.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_init_fd(e: *mut EventNotifier, fd: c_int) {
    let e = not_null(e, "event_notifier_init_fd", "e");
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { cells(e) };
    cells.adopt(Ends { read: fd, write: fd });
}

/// Closes the notifier's descriptors, each once, and sets both to -1.
///
/// A second call does nothing. `errno` is unchanged. Any thread; nobody may poll the notifier any
/// more.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_cleanup(e: *mut EventNotifier) {
    let e = not_null(e, "event_notifier_cleanup", "e");
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { cells(e) };
    preserving_errno(|| cells.cleanup());
}

/// Returns the descriptor to poll for reading, -1 after `event_notifier_cleanup()`.
///
/// Any thread and signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_get_fd(e: *mut EventNotifier) -> c_int {
    let e = not_null(e, "event_notifier_get_fd", "e");
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { cells(e) };
    cells.read_end()
}

/// Sets the notifier: its descriptor becomes readable and stays so until
/// `event_notifier_test_and_clear()`.
///
/// Returns 0, also where it was full already, or `-errno` (`-EBADF` after cleanup). A write that a
/// signal interrupted is repeated. `errno` is unchanged.
///
/// Any thread and signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_set(e: *mut EventNotifier) -> c_int {
    let e = not_null(e, "event_notifier_set", "e");
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { cells(e) };
    code(cells.set().map(|()| 0))
}

/// Empties the notifier.
///
/// Returns 1 if it was set, 0 if not, also after `event_notifier_cleanup()`, or `-errno` where its
/// descriptor cannot be read (`-EBADF`). A read that a signal interrupted is repeated. `errno` is
/// unchanged.
///
/// Any thread and signal handlers.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[no_mangle]
pub unsafe extern "C" fn event_notifier_test_and_clear(e: *mut EventNotifier) -> c_int {
    let e = not_null(e, "event_notifier_test_and_clear", "e");
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { cells(e) };
    code(cells.test_and_clear().map(c_int::from))
}
