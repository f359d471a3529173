//! Checks of arguments. A violated one is a bug of the program: it aborts with one line.

use core::ptr::NonNull;

use super::message::say;

/// The argument as a pointer that is not NULL. Aborts, naming function and argument, if it is.
#[inline]
pub(super) fn not_null<T>(pointer: *mut T, function: &str, argument: &str) -> NonNull<T> {
    match NonNull::new(pointer) {
        Some(pointer) => pointer,
        None => null(function, argument),
    }
}

/// Aborts as [`not_null`] does, in a way that its caller can end with a jump. A call that does not
/// return would cost `aio_notify` a stack frame, on the path of every other argument too.
#[cold]
#[inline(never)]
pub(super) fn is_null(function: &str, argument: &str) {
    // The compiler must not find out that this does not return.
    if core::hint::black_box(true) {
        null(function, argument);
    }
}

#[cold]
#[inline(never)]
fn null(function: &str, argument: &str) -> ! {
    say(format_args!("{function}: argument '{argument}' is NULL"));
    // SAFETY: takes nothing and does not return.
    unsafe { libc::abort() }
}
