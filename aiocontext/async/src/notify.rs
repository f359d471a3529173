//! `aio_notify` and `aio_notify_accept`.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32};

use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::protocol::{self, Event};
use aio_notify::shared::check::is_null;
use aio_notify::shared::{context, preserving_errno};
use aiocontext_wake as wake;

use crate::import::{event_notifier_set, event_notifier_test_and_clear};
use crate::{state, LIBRARY};

/// Contexts that this component has not made have no place for a flag, and a loop of their own.
static FOREIGN: AtomicBool = AtomicBool::new(true);

/// A context that lives for `'a`; other code accesses its `notify_me`, `notified` and `notifier`
/// atomically, or not at the same time.
#[derive(Clone, Copy)]
pub(crate) struct ContextRef<'a> {
    pointer: NonNull<AioContext>,
    lives: PhantomData<&'a AtomicU32>,
}

impl ContextRef<'_> {
    /// # Safety
    ///
    /// `pointer` points to a context as the type describes it.
    #[inline]
    pub(crate) unsafe fn new(pointer: NonNull<AioContext>) -> Self {
        Self { pointer, lives: PhantomData }
    }
}

/// The notifier of a live context, by the functions of the event notifier component.
pub(crate) struct WakeEvent(*mut EventNotifier);

impl Event for WakeEvent {
    fn set(&self) {
        // A program's own function may change `errno`.
        // SAFETY: initialised, and live as its context is.
        let result = preserving_errno(|| unsafe { event_notifier_set(self.0) });
        if result < 0 {
            context::cannot_wake(LIBRARY, result.wrapping_neg());
        }
    }

    fn clear(&self) {
        // A descriptor that cannot be read cannot be polled either: the loop's own poll reports
        // it, and there is nobody to tell from here.
        // SAFETY: initialised, and live as its context is.
        preserving_errno(|| unsafe { event_notifier_test_and_clear(self.0) });
    }
}

impl<'a> protocol::Context for ContextRef<'a> {
    type NotifyMe = &'a AtomicU32;
    type Notified = &'a AtomicBool;
    type Event = WakeEvent;

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
    fn event(self) -> WakeEvent {
        // SAFETY: within a live context, by the type's contract.
        WakeEvent(unsafe { &raw mut (*self.pointer.as_ptr()).notifier })
    }
}

impl<'a> wake::Context for ContextRef<'a> {
    type Foreign = &'a AtomicBool;

    #[inline]
    fn foreign(self) -> &'a AtomicBool {
        // SAFETY: a live context, by the type's contract.
        unsafe { state::find(self.pointer) }.map_or(&FOREIGN, |state| &state.foreign)
    }
}

/// [`aio_notify`] for this component's own calls.
///
/// # Safety
///
/// `ctx` lives until the call returns.
#[inline]
pub(crate) unsafe fn notify(ctx: NonNull<AioContext>) {
    // SAFETY: the context is live by this function's contract.
    wake::notify(unsafe { ContextRef::new(ctx) });
}

/// Wakes the loop of `ctx` if it sleeps in poll or is about to; else does nothing, because the
/// loop looks at everything again before it next sleeps.
///
/// Whatever the caller wrote before the call is visible to whoever wakes: a full memory barrier
/// stands between it and the look at `notify_me`.
///
/// Any thread and any signal handler: no lock, no allocation, `errno` unchanged, wait-free but for
/// one `write` while somebody sleeps. Notifications that come before the loop has woken share one
/// `write`. Should that write fail, the wakeup cannot be delivered, and the first time in the
/// process a line on standard error says so.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => unsafe { notify(ctx) },
        None => is_null(LIBRARY, "aio_notify", "ctx"),
    }
}

/// Empties the event notifier of `ctx` if `aio_notify()` has set it.
///
/// For a loop of the program's own, after its poll has returned and before it looks at
/// descriptors, bottom halves and timers; `aio_poll()` and the GSource do it themselves. With
/// nothing notified it makes no system call. `errno` is unchanged.
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
        Some(ctx) => wake::accept(unsafe { ContextRef::new(ctx) }),
        None => is_null(LIBRARY, "aio_notify_accept", "ctx"),
    }
}

/// Has the context's notifications go by the protocol for loops that are not ours, for ever. The
/// fd loop calls it when the program handles the context's notifier itself.
///
/// # Safety
///
/// `ctx` is a live context.
unsafe extern "C" fn set_foreign(ctx: NonNull<AioContext>) {
    // SAFETY: a live context by this function's contract.
    wake::set_foreign(unsafe { ContextRef::new(ctx) });
}

// Names that no program can define, for the comparison in `ours` and for the fd loop.
#[cfg(not(target_vendor = "apple"))]
core::arch::global_asm!(
    ".globl aiocontext_async_aio_notify",
    ".hidden aiocontext_async_aio_notify",
    ".set aiocontext_async_aio_notify, aio_notify",
    ".globl aiocontext_async_aio_notify_accept",
    ".hidden aiocontext_async_aio_notify_accept",
    ".set aiocontext_async_aio_notify_accept, aio_notify_accept",
    ".globl aiocontext_async_set_foreign",
    ".hidden aiocontext_async_set_foreign",
    ".set aiocontext_async_set_foreign, {set_foreign}",
    set_foreign = sym set_foreign,
);
