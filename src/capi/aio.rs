//! `aio_notify` and `aio_notify_accept`.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32};

use super::check::is_null;
use super::message::LIBRARY;
use crate::abi::AioContext;
use crate::event_notifier::WakeEvent;
use crate::layout::NOTIFIER;
#[cfg(not(aionotify_generation = "5.2"))]
use crate::protocol;
use crate::protocol::Context;
#[cfg(aionotify_generation = "5.2")]
use crate::protocol_5_2 as protocol;
use crate::shared::{context, event_notifier::cells};
use crate::Error;

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

/// A context that lives for `'a`; other code accesses its `notify_me`, `notified` and `notifier`
/// atomically, or not at the same time.
#[derive(Clone, Copy)]
struct ContextRef<'a> {
    pointer: NonNull<AioContext>,
    lives: PhantomData<&'a AtomicU32>,
}

impl ContextRef<'_> {
    /// # Safety
    ///
    /// `pointer` points to a context as the type describes it.
    #[inline]
    unsafe fn new(pointer: NonNull<AioContext>) -> Self {
        Self { pointer, lives: PhantomData }
    }
}

impl<'a> Context for ContextRef<'a> {
    type NotifyMe = &'a AtomicU32;
    type Notified = &'a AtomicBool;
    type Event = WakeEvent<'a>;

    #[inline]
    fn notify_me(self) -> &'a AtomicU32 {
        // SAFETY: a live context, by the type's contract.
        unsafe { context::notify_me(self.pointer) }
    }

    #[inline]
    fn notified(self) -> &'a AtomicBool {
        // SAFETY: a live context, by the type's contract.
        unsafe { context::notified(self.pointer) }
    }

    #[inline]
    fn event(self) -> WakeEvent<'a> {
        // SAFETY: within a live context, whose layout the library was built for.
        let field = unsafe { self.pointer.as_ptr().byte_add(NOTIFIER) };
        // SAFETY: a member of a live context is not NULL.
        let notifier = unsafe { NonNull::new_unchecked(field.cast()) };
        // SAFETY: the notifier lives as long as its context.
        let cells = unsafe { cells(notifier) };
        WakeEvent { cells, failed: cannot_wake }
    }
}

/// Wakes the loop of `ctx` if it sleeps in poll or is about to; else does nothing, because the
/// loop looks at everything again before it next sleeps.
///
/// Whatever the caller wrote before the call is visible to whoever wakes: a full memory barrier
/// stands between it and the look at `notify_me`.
///
/// Any thread and any signal handler: no lock, no allocation, `errno` unchanged, wait-free but for
/// one `write` while somebody sleeps. Should that write fail, the wakeup cannot be delivered, and
/// the first time in the process a line on standard error says so.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => protocol::notify(unsafe { ContextRef::new(ctx) }),
        None => is_null("aio_notify", "ctx"),
    }
}

/// Says, once in the process, that a wakeup could not be delivered.
#[cold]
fn cannot_wake(e: Error) {
    context::cannot_wake(LIBRARY, e.raw_os_error());
}

/// Empties the event notifier of `ctx` if `aio_notify()` has set it.
///
/// For the loop, after its poll has returned and before it looks at descriptors, bottom halves and
/// timers. With nothing notified it is one load and no system call. `errno` is unchanged.
///
/// Any thread that polls the context; safe in signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify_accept(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => protocol::accept(unsafe { ContextRef::new(ctx) }),
        None => is_null("aio_notify_accept", "ctx"),
    }
}
