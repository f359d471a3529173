//! `aio_context_*`, and what belongs to a context.

use core::ptr::{self, NonNull};

use aio_notify::abi::glib::GSource;
use aio_notify::abi::opaque::{Error, ThreadPool};
use aio_notify::abi::AioContext;
use aio_notify::argument;
use aio_notify::ffi::ContextRef;

use crate::import::{rfifolock_lock, rfifolock_unlock};
use crate::{context, deadline, renew, source, thread_pool, LIBRARY};

/// Makes a context with one reference, which is also a GLib event source (`aio_get_g_source()`).
/// Call `init_clocks()` once before the first context is made.
///
/// # Returns
///
/// The context, or NULL.
///
/// # Errors
///
/// NULL if the system has no descriptor or memory left: nothing stays open, `errno` says why, and
/// if `errp` is not NULL the program's `error_set_errno()`, if it has one, sets `*errp` with that
/// number and the text "Failed to initialize event notifier".
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

/// Takes a reference. The count is that of the GSource that the context starts with:
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

/// Gives a reference back. The last one frees the context with its thread pool, bottom halves,
/// notifier, lock and timer lists; the pool waits for its workers. Before that remove the handlers,
/// delete the timers and await the requests.
///
/// # Threads
///
/// Any thread; not signal handlers. For the last reference, nobody else may use the context.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context, of which the caller has a reference.
#[no_mangle]
pub unsafe extern "C" fn aio_context_unref(ctx: *mut AioContext) {
    let ctx = argument!(LIBRARY, aio_context_unref(ctx): ContextRef<'_>);
    // SAFETY: the caller's reference, by this function's contract.
    unsafe { source::release(ctx) };
}

/// Takes the context's lock, which is recursive and goes to waiters in the order in which they
/// came.
///
/// # Threads
///
/// Any thread; not signal handlers. A cancellation point while it waits, and a thread that is
/// cancelled there keeps its place in the queue: disable cancellation around it.
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

/// Gives the context's lock back, once.
///
/// # Threads
///
/// The owner of the lock only; not signal handlers.
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

/// Gives the context as a GLib event source, with a new reference, which `g_source_unref()` gives
/// back.
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

/// Gives the context's thread pool, which is made at the first call and goes with the context.
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

/// Tells how long a loop may sleep. A custom loop calls it after it has raised `notify_me` and
/// executed a full memory barrier. With no bottom half scheduled it takes no lock.
///
/// # Returns
///
/// ns: 0 if a bottom half is scheduled, at most 10000000 (10 ms) if only idle ones are, else the
/// time to the nearest timer, -1 if there is none.
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
