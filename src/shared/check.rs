//! Checks of arguments. A violated one is a bug of the program: it aborts with one line.

use core::fmt;
use core::ptr::NonNull;

use super::message::say;

/// The argument as a pointer that is not NULL. Aborts, naming function and argument, if it is.
#[inline]
pub fn not_null<T>(library: &str, pointer: *mut T, function: &str, argument: &str) -> NonNull<T> {
    match NonNull::new(pointer) {
        Some(pointer) => pointer,
        None => null(library, function, argument),
    }
}

/// Aborts as [`not_null`] does.
#[cold]
#[inline(never)]
pub fn null(library: &str, function: &str, argument: &str) -> ! {
    misuse(library, format_args!("{function}: argument '{argument}' is NULL"))
}

/// Aborts as [`not_null`] does, in a way that its caller can end with a jump. A call that does not
/// return would cost `aio_notify` a stack frame, on the path of every other argument too.
#[cold]
#[inline(never)]
pub fn is_null(library: &str, function: &str, argument: &str) {
    // The compiler must not find out that this does not return.
    if core::hint::black_box(true) {
        null(library, function, argument);
    }
}

/// Says which function was misused and what the rule is, and aborts.
#[cold]
#[inline(never)]
pub fn misuse(library: &str, message: fmt::Arguments<'_>) -> ! {
    say(library, message);
    // SAFETY: takes nothing and does not return.
    unsafe { libc::abort() }
}
