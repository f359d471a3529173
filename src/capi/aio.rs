//! `aio_notify` and `aio_notify_accept`.

use core::ptr::NonNull;

use super::LIBRARY;
use crate::abi::AioContext;
use crate::event_notifier::NotifierRef;
use crate::ffi::{ContextRef, View};
use crate::protocol::{flag, since_5_2};

// The two functions at the start of a cache line each: one that crosses from one line to the next
// costs a fifth more when it has nothing to do. Stable Rust cannot align a function, but this
// aligns the section that the compiler puts it in.
#[cfg(not(target_vendor = "apple"))]
core::arch::global_asm!(
    ".pushsection .text.aio_notify,\"ax\"",
    ".p2align 6",
    ".popsection",
    ".pushsection .text.aio_notify_accept,\"ax\"",
    ".p2align 6",
    ".popsection",
);

/// Fills the event of the context.
fn fill(ctx: ContextRef<'_>) {
    if let Err(e) = notifier(ctx).set() {
        LIBRARY.cannot_wake(e.raw_os_error());
    }
}

/// Drains the event of the context.
fn drain(ctx: ContextRef<'_>) {
    // A descriptor that cannot be read cannot be polled either: the loop's own poll reports it, as
    // POLLNVAL.
    let _ = notifier(ctx).test_and_clear();
}

fn notifier(ctx: ContextRef<'_>) -> NotifierRef<'_> {
    // SAFETY: a member of a live context is not NULL.
    let notifier = unsafe { NonNull::new_unchecked(ctx.notifier()) };
    // SAFETY: the notifier lives as long as its context.
    unsafe { NotifierRef::new(notifier) }
}

/// Whether the library is for loops of QEMU 5.2 and later.
const IS_FOR_5_2: bool = cfg!(aionotify_generation = "5.2");

#[inline]
fn notify(ctx: ContextRef<'_>) {
    if IS_FOR_5_2 {
        since_5_2::notify(ctx.words(), move || fill(ctx));
    } else {
        flag::notify(ctx.words(), move || fill(ctx));
    }
}

#[inline]
fn accept(ctx: ContextRef<'_>) {
    if IS_FOR_5_2 {
        // The loop drains the event in a handler of its own.
        since_5_2::accept(ctx.words());
    } else {
        flag::accept(ctx.words(), move || drain(ctx));
    }
}

/// Wakes the loop of `ctx` if a thread sleeps in poll on it or is about to (`notify_me` is not 0).
/// Otherwise it does nothing: the loop looks at all its work before it next sleeps. Store the work
/// first, then call this function. It starts with a full memory barrier, so the woken thread sees
/// everything that the caller stored before the call.
///
/// In libaiocontext, once a write to the library's own loop has completed, later notifications
/// share it until that loop wakes. The program's own loop gets one write for each notification. In
/// a child process it writes to nothing of the parent's: the library's own loop has its event after
/// the next call that makes the context the child's own.
///
/// # Errors
///
/// If the write fails, the wakeup cannot be delivered; the first failure in a process is logged to
/// stderr, with the errno. A write interrupted by a signal is retried. A notifier that is already
/// full is not an error.
///
/// # Threads
///
/// Any thread and signal handlers: takes no lock, allocates nothing, leaves `errno` unchanged, and
/// is wait-free except for the write while a thread sleeps. Not a cancellation point on Linux: a
/// cancelled thread still delivers its wakeup. Elsewhere the write is a cancellation point.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => notify(unsafe { ContextRef::new(ctx) }),
        None => LIBRARY.is_null("aio_notify", "ctx"),
    }
}

/// Empties the notifier of `ctx` if `aio_notify()` has set it since it was last emptied; otherwise
/// makes no system call. The program's own loop calls it after poll has returned, before it looks
/// at its work; `aio_poll()` and the GSource do this themselves. It does not empty a notifier that
/// was set in another way, with `event_notifier_set()`.
///
/// # Errors
///
/// None are reported: poll itself reports a descriptor that cannot be read, as `POLLNVAL`.
///
/// # Threads
///
/// Threads that poll the context, and signal handlers: takes no lock, allocates nothing, leaves
/// `errno` unchanged. Not a cancellation point on Linux; elsewhere the read is one.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify_accept(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => accept(unsafe { ContextRef::new(ctx) }),
        None => LIBRARY.is_null("aio_notify_accept", "ctx"),
    }
}
