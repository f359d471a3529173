//! The program's error reports.

use core::ffi::{c_char, c_int, CStr};
use core::ptr::NonNull;

use aio_notify::abi::opaque::Error;
use aio_notify::symbols;

/// `ErrorClass` is an `int` in C; its values do not matter here.
type ErrorClass = c_int;

/// `ERROR_CLASS_GENERIC_ERROR`, the first of its enum.
const GENERIC_ERROR: ErrorClass = 0;

type SetErrno = unsafe extern "C" fn(*mut *mut Error, c_int, ErrorClass, *const c_char, ...);

symbols! {
    in "aiocontext_weak_imports_";
    weak fn program_set() -> Option<SetErrno> = "error_set_errno";
}

/// Reports a failed call to who passed `errp`: sets `*errp` to `message` and the text of
/// `os_error`, a positive `errno`. Does nothing where `errp` is `None`, or in a program without
/// `error_set_errno()`, which has no such reports.
///
/// # Safety
///
/// `errp` points to a pointer that may be written.
pub unsafe fn error_set_errno(errp: Option<NonNull<*mut Error>>, os_error: c_int, message: &CStr) {
    if let (Some(errp), Some(function)) = (errp, program_set()) {
        // SAFETY: the program's own function, called as the reference calls it; a format that
        // takes one string.
        unsafe {
            function(errp.as_ptr(), os_error, GENERIC_ERROR, c"%s".as_ptr(), message.as_ptr())
        };
    }
}
