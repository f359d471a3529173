//! The seven `event_notifier_*` functions but for their C names, which each library defines.

use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicI32};

use super::check::not_null;
use crate::abi::aio::IOHandler;
use crate::abi::event_notifier::{EventNotifier, EventNotifierHandler};
use crate::descriptor::Ends;
use crate::error::preserving_errno;
use crate::event_notifier::Cells;
use crate::layout::{INITIALIZED, RFD, WFD};
use crate::Error;

/// The program's `qemu_set_fd_handler`, in the type that it has in the reference.
///
/// What it returns differs from one version of QEMU to another and always meant success, so
/// nothing is taken from it.
pub type SetFdHandler =
    unsafe extern "C" fn(fd: c_int, io_read: IOHandler, io_write: IOHandler, opaque: *mut c_void);

/// The safe core's view of a notifier.
///
/// # Safety
///
/// `e` points to an EventNotifier that lives for `'a`; other code accesses it atomically or not at
/// the same time.
#[inline]
pub(crate) unsafe fn cells<'a>(e: NonNull<EventNotifier>) -> Cells<'a> {
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

/// The argument's view, after the check that it is not NULL.
///
/// # Safety
///
/// As for [`cells`], or NULL (aborts).
#[inline]
unsafe fn checked<'a>(library: &str, e: *mut EventNotifier, function: &str) -> Cells<'a> {
    let e = not_null(library, e, function, "e");
    // SAFETY: a valid notifier by this function's contract.
    unsafe { cells(e) }
}

/// The return value of a call: 0 or more, else `-errno`.
fn code(result: Result<c_int, Error>) -> c_int {
    result.unwrap_or_else(|e| -e.raw_os_error())
}

/// `event_notifier_init`.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[inline]
pub unsafe fn init(library: &str, e: *mut EventNotifier, active: c_int) -> c_int {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_init") };
    code(cells.init(active != 0).map(|()| 0))
}

/// `event_notifier_init_fd`.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to memory for an EventNotifier.
#[inline]
pub unsafe fn init_fd(library: &str, e: *mut EventNotifier, fd: c_int) {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_init_fd") };
    cells.adopt(Ends { read: fd, write: fd });
}

/// `event_notifier_cleanup`.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[inline]
pub unsafe fn cleanup(library: &str, e: *mut EventNotifier) {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_cleanup") };
    preserving_errno(|| cells.cleanup());
}

/// `event_notifier_get_fd`.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[inline]
pub unsafe fn get_fd(library: &str, e: *mut EventNotifier) -> c_int {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_get_fd") };
    cells.read_end()
}

/// `event_notifier_get_wfd`, of QEMU 5.2 and later.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[cfg(aionotify_generation = "5.2")]
#[inline]
pub unsafe fn get_wfd(library: &str, e: *mut EventNotifier) -> c_int {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_get_wfd") };
    cells.write_end()
}

/// `event_notifier_set`.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[inline]
pub unsafe fn set(library: &str, e: *mut EventNotifier) -> c_int {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_set") };
    code(cells.set().map(|()| 0))
}

/// `event_notifier_test_and_clear`.
///
/// # Safety
///
/// `e` must not be NULL (aborts) and must point to an initialised EventNotifier.
#[inline]
pub unsafe fn test_and_clear(library: &str, e: *mut EventNotifier) -> c_int {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_test_and_clear") };
    code(cells.test_and_clear().map(c_int::from))
}

/// `event_notifier_set_handler`, with the program's `qemu_set_fd_handler` if it has one.
///
/// # Safety
///
/// `e` must not be NULL (aborts), must point to an initialised EventNotifier and must live until
/// the handler is removed.
#[inline]
pub unsafe fn set_handler(
    library: &str,
    e: *mut EventNotifier,
    handler: EventNotifierHandler,
    set_fd_handler: Option<SetFdHandler>,
) -> c_int {
    // SAFETY: the notifier is live by this function's contract.
    let cells = unsafe { checked(library, e, "event_notifier_set_handler") };
    let Some(set_fd_handler) = set_fd_handler else {
        return -libc::ENOSYS;
    };
    // SAFETY: the two types differ only in what the one pointer argument points to; the loop
    // passes it the `opaque` below, which is the notifier that the handler expects.
    let io_read = unsafe { core::mem::transmute::<EventNotifierHandler, IOHandler>(handler) };
    // SAFETY: the program's own function, called as the reference calls it; nothing is held.
    unsafe { set_fd_handler(cells.read_end(), io_read, None, e.cast::<c_void>()) };
    0
}
