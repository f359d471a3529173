//! Contexts: making, counting, freeing them, and what belongs to one.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire},
};

use aio_notify::abi::glib::GSource;
use aio_notify::abi::opaque::{Error, ThreadPool};
use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::shared::check::not_null;

use crate::import::{
    aio_set_event_notifier, event_notifier_cleanup, event_notifier_init, rfifolock_destroy,
    rfifolock_init, rfifolock_lock, rfifolock_unlock, thread_pool_free, thread_pool_new,
    timerlistgroup_deadline_ns, timerlistgroup_deinit, timerlistgroup_init,
};
use crate::queue::Urgency;
use crate::state::{self, State};
use crate::{notify, ours, source, LIBRARY};

/// How long the loop may sleep before it runs idle bottom halves: 10 ms, as in the reference.
const IDLE_NS: i64 = 10_000_000;

/// Makes a context with one reference, which is also a GLib event source (`aio_get_g_source()`).
///
/// Returns NULL where the system has no descriptor or memory left for its event notifier or its
/// loop; nothing is left open then, `errno` says why, and where `errp` is not NULL the program's
/// `error_set_errno()` sets `*errp` to "Failed to initialize event notifier".
///
/// Any thread.
///
/// # Safety
///
/// `errp` must be NULL or point to a pointer that may be written.
#[no_mangle]
pub unsafe extern "C" fn aio_context_new(errp: *mut *mut Error) -> *mut AioContext {
    let ctx = source::new();
    // SAFETY: made above, and nobody else knows it.
    match unsafe { set_up(ctx) } {
        Ok(()) => ctx.as_ptr(),
        Err(code) => {
            let failed = c"Failed to initialize event notifier";
            // SAFETY: may be written by this function's contract.
            unsafe { aiocontext_program::error_set_errno(NonNull::new(errp), code, failed) };
            errno::set_errno(errno::Errno(code));
            ptr::null_mut()
        }
    }
}

/// Fills a new context. On failure gives the `errno`, and the context is gone.
///
/// # Safety
///
/// `ctx` is new and zeroed but for its GSource.
unsafe fn set_up(ctx: NonNull<AioContext>) -> Result<(), i32> {
    let context = ctx.as_ptr();
    let opaque = context.cast::<c_void>();
    // SAFETY: a member of a live context.
    let notifier = unsafe { &raw mut (*context).notifier };
    // SAFETY: memory for a notifier.
    let opened = unsafe { event_notifier_init(notifier, 0) };
    if opened < 0 {
        // SAFETY: the only reference; without a state nothing is torn down.
        unsafe { aio_context_unref(context) };
        return Err(-opened);
    }
    let state = Box::into_raw(Box::new(State::new()));
    // SAFETY: a member of a live context that nobody else knows.
    unsafe { (*context).first_bh = state.cast() };
    // SAFETY: a member of a live context.
    let lock = unsafe { &raw mut (*context).lock };
    // SAFETY: memory for a lock; the context lives as long as its lock.
    unsafe { rfifolock_init(lock, Some(kick), opaque) };
    // SAFETY: a member of a live context.
    let bh_lock = unsafe { &raw mut (*context).bh_lock.lock };
    // SAFETY: memory for a mutex. Without attributes it cannot fail.
    unsafe { libc::pthread_mutex_init(bh_lock, ptr::null()) };
    // SAFETY: a member of a live context.
    let tlg = unsafe { &raw mut (*context).tlg };
    // SAFETY: memory for a group; the context lives as long as its timers.
    unsafe { timerlistgroup_init(tlg, Some(kick), opaque) };
    // SAFETY: an initialised notifier, which lives as long as its context.
    unsafe { aio_set_event_notifier(context, notifier, Some(notifier_handler)) };
    if ours::the_loop() {
        // SAFETY: a member of a live context.
        let handlers = unsafe { (*context).aio_handlers.lh_first };
        if handlers.is_null() {
            // Our fd loop had no descriptor for its epoll, and has said so in `errno`.
            let code = errno::errno().0;
            // SAFETY: the only reference.
            unsafe { aio_context_unref(context) };
            return Err(code);
        }
    }
    Ok(())
}

/// Wakes the loop: for those who wait for the context's lock, and when the first deadline has
/// moved.
///
/// # Safety
///
/// `opaque` is the live context.
unsafe extern "C" fn kick(opaque: *mut c_void) {
    if let Some(ctx) = NonNull::new(opaque.cast::<AioContext>()) {
        // SAFETY: live by this function's contract.
        unsafe { notify::notify(ctx) };
    }
}

/// The handler of a context's own notifier. Nothing: the loop empties it.
extern "C" fn notifier_handler(_: *mut EventNotifier) {}

// A name that no program can define, for the fd loop: it tells this handler from a program's own.
#[cfg(not(target_vendor = "apple"))]
core::arch::global_asm!(
    ".globl aiocontext_async_notifier_handler",
    ".hidden aiocontext_async_notifier_handler",
    ".set aiocontext_async_notifier_handler, {handler}",
    handler = sym notifier_handler,
);

/// Takes everything down: called for the last reference.
///
/// # Safety
///
/// `ctx` is a context that nobody uses any more, set up or not.
pub(crate) unsafe fn tear_down(ctx: NonNull<AioContext>) {
    let context = ctx.as_ptr();
    // SAFETY: a member of a live context.
    let state = unsafe { (*context).first_bh }.cast::<State>();
    if state.is_null() {
        return;
    }
    // SAFETY: a member of a live context.
    let pool = unsafe { (*context).thread_pool };
    if !pool.is_null() {
        // First: its workers use the rest. SAFETY: made by `thread_pool_new`, and nobody uses it.
        unsafe { thread_pool_free(pool) };
    }
    // SAFETY: a member of a live context.
    let notifier = unsafe { &raw mut (*context).notifier };
    // SAFETY: both are live.
    unsafe { aio_set_event_notifier(context, notifier, None) };
    // SAFETY: nobody has the context any more.
    unsafe { ours::release_watch(ctx) };
    // SAFETY: initialised, and nobody polls it any more.
    unsafe { event_notifier_cleanup(notifier) };
    // SAFETY: a member of a live context.
    let lock = unsafe { &raw mut (*context).lock };
    // SAFETY: initialised, and nobody holds it.
    unsafe { rfifolock_destroy(lock) };
    // SAFETY: a member of a live context.
    let bh_lock = unsafe { &raw mut (*context).bh_lock.lock };
    // SAFETY: initialised, and nobody holds it.
    unsafe { libc::pthread_mutex_destroy(bh_lock) };
    // SAFETY: a member of a live context.
    let tlg = unsafe { &raw mut (*context).tlg };
    // SAFETY: initialised, and nobody uses it.
    unsafe { timerlistgroup_deinit(tlg) };
    // SAFETY: a member of a live context.
    unsafe { (*context).first_bh = ptr::null_mut() };
    // SAFETY: made by `set_up`, and nobody uses it.
    drop(unsafe { Box::from_raw(state) });
}

/// Takes a reference. Any thread.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_context_ref(ctx: *mut AioContext) {
    let ctx = not_null(LIBRARY, ctx, "aio_context_ref", "ctx");
    // SAFETY: a live GSource, which is the context's first member.
    unsafe { glib_sys::g_source_ref(ctx.as_ptr().cast()) };
}

/// Gives a reference back. The last one frees the context with its thread pool, its bottom halves,
/// its notifier, its lock and its lists of timers: no request, handler or timer may be pending.
///
/// Any thread; for the last reference, nobody else may use the context.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context; the caller has a reference.
#[no_mangle]
pub unsafe extern "C" fn aio_context_unref(ctx: *mut AioContext) {
    let ctx = not_null(LIBRARY, ctx, "aio_context_unref", "ctx");
    // SAFETY: a live GSource, which is the context's first member.
    unsafe { glib_sys::g_source_unref(ctx.as_ptr().cast()) };
}

/// Takes the context's lock: recursive, first come first served. While a thread waits, the loop
/// that holds the lock does not sleep. Any thread; not from signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_context_acquire(ctx: *mut AioContext) {
    let ctx = not_null(LIBRARY, ctx, "aio_context_acquire", "ctx");
    // SAFETY: a member of a live context.
    let lock = unsafe { &raw mut (*ctx.as_ptr()).lock };
    // SAFETY: initialised by `aio_context_new`.
    unsafe { rfifolock_lock(lock) };
}

/// Gives the context's lock back, once. The owner only.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context whose lock the caller holds.
#[no_mangle]
pub unsafe extern "C" fn aio_context_release(ctx: *mut AioContext) {
    let ctx = not_null(LIBRARY, ctx, "aio_context_release", "ctx");
    // SAFETY: a member of a live context.
    let lock = unsafe { &raw mut (*ctx.as_ptr()).lock };
    // SAFETY: initialised by `aio_context_new`.
    unsafe { rfifolock_unlock(lock) };
}

/// The context as a GLib event source, with a new reference, which `g_source_unref()` gives back.
/// Any thread.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_get_g_source(ctx: *mut AioContext) -> *mut GSource {
    let ctx = not_null(LIBRARY, ctx, "aio_get_g_source", "ctx");
    // SAFETY: a live GSource, which is the context's first member.
    unsafe { glib_sys::g_source_ref(ctx.as_ptr().cast()) };
    ctx.as_ptr().cast()
}

/// The context's thread pool, made at the first call; it goes with the context. Any thread.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must be a live context.
#[no_mangle]
pub unsafe extern "C" fn aio_get_thread_pool(ctx: *mut AioContext) -> *mut ThreadPool {
    let ctx = not_null(LIBRARY, ctx, "aio_get_thread_pool", "ctx");
    // SAFETY: a member of a live context.
    let place = unsafe { &raw mut (*ctx.as_ptr()).thread_pool };
    // SAFETY: an aligned pointer of a live context, which only this function changes until the
    // context goes.
    let place = unsafe { AtomicPtr::from_ptr(place) };
    // Acquire: pairs with the exchange below, of the thread that has made the pool. Without it the
    // caller may find the pool unfinished.
    let pool = place.load(Acquire);
    if !pool.is_null() {
        return pool;
    }
    // SAFETY: a live context.
    let made = unsafe { thread_pool_new(ctx.as_ptr()) };
    match place.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
        Ok(_) => made,
        Err(theirs) => {
            // Two threads asked at once. SAFETY: made above, and nobody else knows it.
            unsafe { thread_pool_free(made) };
            theirs
        }
    }
}

/// How long the loop may sleep, in ns. Constant time but for that of the timers.
///
/// Returns 0 if a bottom half is scheduled, at most 10000000 (10 ms) if only idle ones are, else
/// the time to the nearest timer, -1 for ever. A loop calls it after it has raised `notify_me` and
/// executed a full memory barrier. Any thread.
///
/// # Safety
///
/// `ctx` must not be NULL, must come from `aio_context_new()` (aborts) and must be live.
#[no_mangle]
pub unsafe extern "C" fn aio_compute_timeout(ctx: *mut AioContext) -> i64 {
    // SAFETY: NULL or a live context by this function's contract.
    let state = unsafe { state::of(ctx, "aio_compute_timeout") };
    // SAFETY: live by this function's contract.
    unsafe { timeout(ctx, state) }
}

/// [`aio_compute_timeout`] for this component's own calls.
///
/// # Safety
///
/// `ctx` is live, and `state` is its own.
pub(crate) unsafe fn timeout(ctx: *mut AioContext, state: &State) -> i64 {
    let urgency = state.bottom_halves.most_urgent();
    if urgency == Some(Urgency::Now) {
        return 0;
    }
    // SAFETY: live by this function's contract.
    let deadline = unsafe { deadline(ctx) };
    match urgency {
        Some(_) if deadline < 0 => IDLE_NS,
        Some(_) => deadline.min(IDLE_NS),
        None => deadline,
    }
}

/// The time to the context's nearest timer in ns, -1 for ever.
///
/// # Safety
///
/// `ctx` is live.
pub(crate) unsafe fn deadline(ctx: *mut AioContext) -> i64 {
    // SAFETY: a member of a live context.
    let tlg = unsafe { &raw mut (*ctx).tlg };
    // SAFETY: initialised by `aio_context_new`.
    unsafe { timerlistgroup_deadline_ns(tlg) }
}
