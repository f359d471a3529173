//! One turn of the loop.

use core::ptr;

use aio_notify::protocol;

use crate::context::ContextRef;
use crate::epoll::Timeout;
use crate::handlers::{reader, writer};
use crate::import::{
    aio_bh_poll, aio_compute_timeout, aio_context_acquire, aio_context_release, aio_notify_accept,
    timerlistgroup_run_timers,
};
use crate::ours;
use crate::watch::Found;

/// `aio_poll`.
///
/// # Safety
///
/// The context lives until the call returns.
pub(crate) unsafe fn poll(ctx: ContextRef<'_>, blocking: bool) -> bool {
    let context = ctx.as_ptr();
    // SAFETY: a live context.
    unsafe { aio_context_acquire(context) };
    let mut timeout = Timeout::Now;
    if blocking {
        protocol::begin_poll(ctx);
        // After the fence of `begin_poll`: whoever has work for the loop either sees `notify_me`
        // raised and wakes it, or is seen from here on.
        // SAFETY: a live context.
        timeout = Timeout::from_ns(unsafe { aio_compute_timeout(context) });
        if ctx.has_waiters() || ctx.watch().is_some_and(|watch| watch.is_ready()) {
            timeout = Timeout::Now;
        }
    }
    let sleeps = timeout != Timeout::Now;
    if sleeps {
        // Others may use the context meanwhile.
        // SAFETY: a live context, whose lock has been taken above.
        unsafe { aio_context_release(context) };
    }
    wait(ctx, timeout);
    if blocking {
        protocol::end_poll(ctx);
    }
    if sleeps {
        // SAFETY: a live context.
        unsafe { aio_context_acquire(context) };
    }
    if !ours::notifications() {
        // The notifications are the program's own.
        // SAFETY: a live context.
        unsafe { aio_notify_accept(context) };
    }
    // SAFETY: a live context.
    let progress = unsafe { dispatch(ctx) };
    // SAFETY: a live context, whose lock has been taken above.
    unsafe { aio_context_release(context) };
    progress
}

/// Waits for descriptors, and answers a notification.
fn wait(ctx: ContextRef<'_>, timeout: Timeout) {
    let Some(watch) = ctx.watch() else { return };
    if timeout == Timeout::Now && watch.is_empty() {
        // Nothing but the notifier, which need not be looked at by a loop that does not sleep.
        return;
    }
    if watch.wait(timeout) == Found::Notification {
        aiocontext_wake::woken(ctx);
    }
}

/// Looks which handlers are ready, for a loop that has polled the context's descriptor, and answers
/// a notification. Returns whether any is.
pub(crate) fn pending(ctx: ContextRef<'_>) -> bool {
    let Some(watch) = ctx.watch() else { return false };
    // Also for the notifier alone: GLib's poll returns for as long as it is full.
    if watch.wait(Timeout::Now) == Found::Notification {
        aiocontext_wake::woken(ctx);
    }
    watch.has_reported()
}

/// Runs bottom halves, ready handlers and timers.
///
/// # Safety
///
/// The context lives until the call returns.
pub(crate) unsafe fn dispatch(ctx: ContextRef<'_>) -> bool {
    // SAFETY: a live context.
    let mut progress = unsafe { aio_bh_poll(ctx.as_ptr()) } != 0;
    // SAFETY: a live context.
    progress |= unsafe { run_handlers(ctx) };
    // SAFETY: a member of a live context.
    let timers = unsafe { &raw mut (*ctx.as_ptr()).tlg };
    // SAFETY: initialised with its context.
    progress |= unsafe { timerlistgroup_run_timers(timers) };
    progress
}

/// # Safety
///
/// As for [`dispatch`].
unsafe fn run_handlers(ctx: ContextRef<'_>) -> bool {
    let mut progress = false;
    let Some(watch) = ctx.watch() else { return false };
    // A nested poll takes from the same list, so that nothing runs twice.
    while let Some((token, callbacks, events)) = watch.take_ready() {
        if let Some(io_read) = reader(&callbacks, events) {
            // SAFETY: the program's callback with its argument; nothing is held.
            unsafe { io_read(callbacks.opaque) };
            progress |= !ctx.is_notifier(callbacks.opaque);
        }
        // The callback may have removed or replaced the handler.
        let Some(callbacks) = watch.callbacks(token) else { continue };
        if let Some(io_write) = writer(&callbacks, events) {
            // SAFETY: the program's callback with its argument; nothing is held.
            unsafe { io_write(callbacks.opaque) };
            progress |= !ptr::eq(callbacks.opaque, ctx.notifier().cast());
        }
    }
    progress
}
