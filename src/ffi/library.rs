//! A library by the name that its messages start with, and its checks of arguments. A violated one
//! is a bug of the program: it aborts with one line.

use core::ffi::c_int;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::message;

/// The name of a library.
#[derive(Clone, Copy, Debug)]
pub struct Library(pub &'static str);

/// libaionotify.
pub const LIBAIONOTIFY: Library = Library("aionotify");
/// libaiocontext.
pub const LIBAIOCONTEXT: Library = Library("aiocontext");

impl Library {
    /// Writes the library's name and the message as one line to standard error; `errno` is
    /// unchanged.
    ///
    /// Any thread and signal handlers. Longer lines than 511 bytes are cut off.
    pub fn log(self, message: fmt::Arguments<'_>) {
        message::write(format_args!("{}: {message}", self.0));
    }

    /// [`Self::log`], unless that `was_logged`.
    pub fn log_once(self, was_logged: &AtomicBool, message: fmt::Arguments<'_>) {
        // Relaxed: the flag orders nothing, it only picks one of several threads.
        if !was_logged.swap(true, Relaxed) {
            self.log(message);
        }
    }

    /// The argument as a pointer that is not NULL. Aborts, naming function and argument, if it is.
    #[inline]
    pub fn not_null<T>(self, pointer: *mut T, function: &str, argument: &str) -> NonNull<T> {
        match NonNull::new(pointer) {
            Some(pointer) => pointer,
            None => self.null(function, argument),
        }
    }

    /// Aborts as [`Self::not_null`] does.
    #[cold]
    #[inline(never)]
    pub fn null(self, function: &str, argument: &str) -> ! {
        self.misuse(format_args!("{function}: argument '{argument}' is NULL"))
    }

    /// Aborts as [`Self::not_null`] does, in a way that its caller can end with a jump. A call that
    /// does not return would cost `aio_notify` a stack frame, on the path of every other argument
    /// too.
    #[cold]
    #[inline(never)]
    pub fn is_null(self, function: &str, argument: &str) {
        // The compiler must not find out that this does not return.
        if core::hint::black_box(true) {
            self.null(function, argument);
        }
    }

    /// Logs which function was misused and what the rule is, and aborts.
    #[cold]
    #[inline(never)]
    pub fn misuse(self, message: fmt::Arguments<'_>) -> ! {
        self.log(message);
        // SAFETY: takes nothing and does not return.
        unsafe { libc::abort() }
    }

    /// Logs, once in the process, that a wakeup could not be delivered.
    #[cold]
    pub fn cannot_wake(self, errno: c_int) {
        static LOGGED: AtomicBool = AtomicBool::new(false);
        self.log_once(
            &LOGGED,
            format_args!(
                "aio_notify: cannot wake the loop: write to its event notifier failed, errno {errno}"
            ),
        );
    }
}
