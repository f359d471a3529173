//! `aio_notify` and `aio_notify_accept`.

use core::ptr::NonNull;

use super::LIBRARY;
use crate::abi::AioContext;
use crate::event_notifier::{NotifierRef, WakeEvent};
use crate::ffi::{ContextRef, View, Wakeup};
#[cfg(not(aionotify_generation = "5.2"))]
use crate::protocol;
#[cfg(aionotify_generation = "5.2")]
use crate::protocol_5_2 as protocol;

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

impl<'a> From<ContextRef<'a>> for WakeEvent<'a> {
    #[inline]
    fn from(ctx: ContextRef<'a>) -> Self {
        // SAFETY: a member of a live context is not NULL.
        let notifier = unsafe { NonNull::new_unchecked(ctx.notifier()) };
        // SAFETY: the notifier lives as long as its context.
        let notifier = unsafe { NotifierRef::new(notifier) };
        Self { notifier, failed: |e| LIBRARY.cannot_wake(e.raw_os_error()) }
    }
}

/// The argument for the protocol.
///
/// # Safety
///
/// `ctx` lives for `'a`.
#[inline]
unsafe fn wakeup<'a>(ctx: NonNull<AioContext>) -> Wakeup<'a, WakeEvent<'a>> {
    // SAFETY: the same contract.
    unsafe { ContextRef::new(ctx) }.wakeup()
}

/// Wakes the loop of `ctx` if somebody sleeps in poll on it or is about to (`notify_me` is not 0);
/// else does nothing, because the loop looks at everything before it next sleeps. First store the
/// work, then call this: a full memory barrier makes what was written before visible to the thread
/// that wakes.
///
/// In libaiocontext, notifications that come before the library's own loop has woken share one
/// write, once that has completed, and a loop of the program's own gets one each; in a child
/// process nothing is written until another call has made the context the child's own.
///
/// # Errors
///
/// If the write fails, the wakeup cannot be delivered, and the first failure in a process is logged
/// to stderr, with the errno. A write that a signal interrupts is repeated; one that finds the
/// notifier full has nothing to do.
///
/// # Threads
///
/// Any thread and signal handlers: no lock, no allocation, `errno` unchanged, wait-free except for
/// the write while somebody sleeps. No cancellation point on Linux: the wakeup of a thread that is
/// cancelled is delivered. Elsewhere the write is one.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => protocol::notify(unsafe { wakeup(ctx) }),
        None => LIBRARY.is_null("aio_notify", "ctx"),
    }
}

/// Empties the notifier of `ctx` if `aio_notify()` has set it since it was last emptied; else makes
/// no system call. It is for a loop of the program's own, after its poll has returned and before it
/// looks at its work; `aio_poll()` and the GSource do it themselves. A notifier that was set in
/// another way, with `event_notifier_set()`, is left alone.
///
/// # Errors
///
/// Not reported: a poll of a descriptor that cannot be read reports it, as `POLLNVAL`.
///
/// # Threads
///
/// Threads that poll the context, and signal handlers: no lock, no allocation, `errno` unchanged.
/// No cancellation point on Linux; elsewhere the read is one.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify_accept(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => protocol::accept(unsafe { wakeup(ctx) }),
        None => LIBRARY.is_null("aio_notify_accept", "ctx"),
    }
}
