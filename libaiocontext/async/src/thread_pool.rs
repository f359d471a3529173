//! The thread pool of a context.

use core::ptr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use aio_notify::abi::opaque::ThreadPool;
use aio_notify::ffi::ContextRef;

use crate::import::{thread_pool_free, thread_pool_new};

/// The pool, made at the first call.
pub(crate) fn of(ctx: ContextRef<'_>) -> *mut ThreadPool {
    let place = ctx.thread_pool();
    // Acquire: pairs with the exchange below, of the thread that has made the pool. Without it the
    // caller may find the pool unfinished.
    let pool = place.load(Acquire);
    if !pool.is_null() {
        return pool;
    }
    let made = thread_pool_new(ctx);
    match place.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
        Ok(_) => made,
        Err(theirs) => {
            // Two threads asked at once. SAFETY: made above, and nobody else knows it.
            unsafe { thread_pool_free(made) };
            theirs
        }
    }
}

/// Frees the pool, if there is one.
///
/// # Safety
///
/// Nobody uses the context any more.
pub(crate) unsafe fn free(ctx: ContextRef<'_>) {
    // Relaxed: nobody else uses the context.
    let pool = ctx.thread_pool().load(Relaxed);
    if !pool.is_null() {
        // SAFETY: made by `of`, and nobody uses it.
        unsafe { thread_pool_free(pool) };
    }
}
