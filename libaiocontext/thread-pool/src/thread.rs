//! Threads as a C program makes them.
//!
//! Not those of the language's library: the size of their stacks is its own, and an environment
//! variable changes it. These have the C library's default attributes, so `ulimit -s` says how much
//! stack there is, and what they inherit is their maker's.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use aio_notify::ffi::thread::{set_cancel_state, this_thread, CANCEL_DISABLE};

/// Starts `function(argument)` on a thread that nobody joins, with all signals blocked: they are for
/// the program's own threads. Returns false if there is no thread to start.
///
/// # Safety
///
/// `function` may be called with `argument` by another thread.
pub(crate) unsafe fn start(
    function: extern "C" fn(*mut c_void) -> *mut c_void,
    argument: *mut c_void,
) -> bool {
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    let create = || {
        // SAFETY: a place for the thread's id, default attributes, and by this function's contract
        // a function with its argument.
        unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), function, argument) }
    };
    if without_signals(create) != 0 {
        return false;
    }
    // SAFETY: written by the successful call above.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: joinable, and so there even if it has ended.
    unsafe { libc::pthread_detach(thread) };
    true
}

/// Runs `f` with all signals blocked. A new thread inherits that.
fn without_signals<T>(f: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: memory for a set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: a full set, and memory for another.
    let error: c_int =
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let value = f();
    if error == 0 {
        // SAFETY: written by the call above.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    }
    value
}

/// Names the calling thread, and makes it uncancellable: the request of a cancelled thread would never be
/// reported.
pub(crate) fn set_up_worker() {
    set_cancel_state(CANCEL_DISABLE);
    // SAFETY: a live thread, and a name of at most 15 characters.
    unsafe { libc::pthread_setname_np(this_thread(), c"worker".as_ptr()) };
}
