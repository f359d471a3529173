//! `aio_context_*`, and what belongs to a context.

use core::ptr::{self, NonNull};

use aio_notify::abi::glib::GSource;
use aio_notify::abi::opaque::{Error, ThreadPool};
use aio_notify::abi::AioContext;
use aio_notify::argument;
use aio_notify::ffi::ContextRef;

use crate::import::{rfifolock_lock, rfifolock_unlock};
use crate::{context, deadline, renew, source, thread_pool, LIBRARY};

/// Makes a context, which is also a GLib event source (`aio_get_g_source()`), with one reference.
/// Call `init_clocks()` once before making the first context.
///
/// # Returns
///
/// The context, or NULL.
///
/// # Errors
///
/// NULL if the system has no descriptor or memory left. Nothing stays open, and `errno` gives the
/// reason. If `errp` is not NULL and the program has `error_set_errno()`, that function sets
/// `*errp`, with the same number and the text "Failed to initialize event notifier".
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `errp` must be NULL or point to a pointer that may be written.
#[no_mangle]
pub unsafe extern "C" fn aio_context_new(errp: *mut *mut Error) -> *mut AioContext {
    let ctx = source::new();
    // SAFETY: made above, and nobody else knows it.
    let result = unsafe { context::set_up(ctx) };
    let Err(code) = result else { return ctx.as_ptr() };
    // SAFETY: the only reference. Without a state nothing is torn down.
    unsafe { source::release(ctx) };
    let failed = c"Failed to initialize event notifier";
    // SAFETY: may be written by this function's contract.
    unsafe { aiocontext_weak_imports::error_set_errno(NonNull::new(errp), code, failed) };
    errno::set_errno(errno::Errno(code));
    ptr::null_mut()
}

/// Takes a reference. The context shares its count with the GSource that it starts with:
/// `g_source_ref()` on `&ctx->source` does the same.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_context_ref(ctx: *mut AioContext) {
    source::retain(argument!(LIBRARY, aio_context_ref(ctx): ContextRef<'_>));
}

/// Drops a reference. Dropping the last one frees the context with its thread pool, bottom halves,
/// notifier, lock and timer lists; the pool waits for its workers. Before that, remove the
/// handlers, delete the timers, and wait for the requests to complete.
///
/// # Threads
///
/// Any thread; not signal handlers. When the last reference is dropped, nobody else may use the
/// context.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context on which the caller holds a
/// reference.
#[no_mangle]
pub unsafe extern "C" fn aio_context_unref(ctx: *mut AioContext) {
    let ctx = argument!(LIBRARY, aio_context_unref(ctx): ContextRef<'_>);
    // SAFETY: the caller's reference, by this function's contract.
    unsafe { source::release(ctx) };
}

/// Takes the context's lock, which is recursive. Waiters get it in order of arrival.
///
/// # Threads
///
/// Any thread; not signal handlers. Not a cancellation point.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_context_acquire(ctx: *mut AioContext) {
    let ctx = argument!(LIBRARY, aio_context_acquire(ctx): ContextRef<'_>);
    renew::enter_own(ctx);
    rfifolock_lock(ctx.lock());
}

/// Releases the context's lock once.
///
/// # Threads
///
/// Only the owner of the lock; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context whose lock the caller holds (aborts).
#[no_mangle]
pub unsafe extern "C" fn aio_context_release(ctx: *mut AioContext) {
    let ctx = argument!(LIBRARY, aio_context_release(ctx): ContextRef<'_>);
    renew::enter_own(ctx);
    rfifolock_unlock(ctx.lock());
}

/// Returns the context as a GLib event source, with a new reference that `g_source_unref()` drops.
///
/// # Returns
///
/// The source, never NULL.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_get_g_source(ctx: *mut AioContext) -> *mut GSource {
    let ctx = argument!(LIBRARY, aio_get_g_source(ctx): ContextRef<'_>);
    source::retain(ctx);
    ctx.as_ptr().cast()
}

/// Returns the context's thread pool. The first call makes it; it is freed with the context.
///
/// # Returns
///
/// The pool, never NULL.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_get_thread_pool(ctx: *mut AioContext) -> *mut ThreadPool {
    thread_pool::of(argument!(LIBRARY, aio_get_thread_pool(ctx): ContextRef<'_>))
}

/// Returns how long a loop may sleep. A custom loop calls it after raising `notify_me` and
/// executing a full memory barrier. It takes no lock if no bottom half is scheduled.
///
/// # Returns
///
/// ns: 0 if a bottom half is scheduled, at most 10000000 (10 ms) if only idle ones are, otherwise
/// the time to the nearest timer, or -1 if there is none.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL, must come from `aio_context_new()` (aborts), and must live until the
/// call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_compute_timeout(ctx: *mut AioContext) -> i64 {
    let ctx = argument!(LIBRARY, aio_compute_timeout(ctx): ContextRef<'_>);
    deadline::of(ctx, renew::entered(ctx, "aio_compute_timeout"))
}
