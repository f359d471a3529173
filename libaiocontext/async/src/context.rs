//! Contexts: making, counting, freeing them, and what belongs to one.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use aio_notify::abi::glib::GSource;
use aio_notify::abi::opaque::{Error, ThreadPool};
use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::ffi::{ContextRef, View};
use aio_notify::protocol::coalescing::Sleepers;
use aio_notify::{argument, hidden_names};

use crate::import::{
    aio_set_event_notifier, event_notifier_cleanup, event_notifier_init, rfifolock_destroy,
    rfifolock_init, rfifolock_lock, rfifolock_unlock, thread_pool_free, thread_pool_new,
    timerlistgroup_deadline_ns, timerlistgroup_deinit, timerlistgroup_init,
};
use crate::queue::Urgency;
use crate::renew::enter;
use crate::state::{self, State};
use crate::{notify, ours, source, LIBRARY};

/// How long the loop may sleep before it runs idle bottom halves: 10 ms, as in the reference.
const IDLE_NS: i64 = 10_000_000;

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
    let result = unsafe { set_up(ctx) };
    let Err(code) = result else { return ctx.as_ptr() };
    // SAFETY: the only reference. Without a state nothing is torn down.
    unsafe { aio_context_unref(ctx.as_ptr()) };
    let failed = c"Failed to initialize event notifier";
    // SAFETY: may be written by this function's contract.
    unsafe { aiocontext_weak_imports::error_set_errno(NonNull::new(errp), code, failed) };
    errno::set_errno(errno::Errno(code));
    ptr::null_mut()
}

/// Fills a new context. On failure gives the `errno`.
///
/// # Safety
///
/// `ctx` is new and zeroed but for its GSource.
unsafe fn set_up(ctx: ContextRef<'_>) -> Result<(), i32> {
    let opaque = ctx.as_ptr().cast::<c_void>();
    let notifier = ctx.notifier();
    // SAFETY: memory for a notifier.
    let opened = unsafe { event_notifier_init(notifier, 0) };
    if opened < 0 {
        return Err(-opened);
    }
    let state = Box::new(State::new(ctx));
    if ours::the_loop() {
        if let Err(e) = state.own.event.open() {
            // SAFETY: initialised above.
            unsafe { event_notifier_cleanup(notifier) };
            return Err(e.raw_os_error());
        }
    }
    let state = Box::leak(state);
    // SAFETY: stays where it is until the context is torn down.
    unsafe { state.hook.register() };
    // Relaxed: nobody else knows the context.
    ctx.first_bh().store(ptr::from_mut(state).cast(), Relaxed);
    // SAFETY: memory for a lock; the context lives as long as its lock.
    unsafe { rfifolock_init(ctx.lock_place(), Some(contended), opaque) };
    // SAFETY: memory for a mutex. Without attributes it cannot fail.
    unsafe { libc::pthread_mutex_init(ctx.bh_mutex(), ptr::null()) };
    // SAFETY: memory for a group; the context lives as long as its timers.
    unsafe { timerlistgroup_init(ctx.timers(), Some(kick), opaque) };
    // SAFETY: an initialised notifier, which lives as long as its context.
    unsafe { aio_set_event_notifier(ctx, notifier, Some(notifier_handler)) };
    // Relaxed: this thread has written it.
    if ours::the_loop() && ctx.first_handler().load(Relaxed).is_null() {
        // Our fd loop had no descriptor for its epoll, and has said so in `errno`.
        return Err(errno::errno().0);
    }
    Ok(())
}

/// Wakes the loop when the first deadline has moved.
///
/// # Safety
///
/// `opaque` is the live context.
unsafe extern "C" fn kick(opaque: *mut c_void) {
    // SAFETY: the same contract.
    notify::notify(unsafe { context(opaque) }, Sleepers::All);
}

/// The context that a callback of its own lock or timers is called with.
///
/// # Safety
///
/// `opaque` is a context that lives for `'a`.
unsafe fn context<'a>(opaque: *mut c_void) -> ContextRef<'a> {
    // SAFETY: not NULL, by this function's contract.
    let ctx = unsafe { NonNull::new_unchecked(opaque.cast::<AioContext>()) };
    // SAFETY: live by this function's contract.
    unsafe { ContextRef::new(ctx) }
}

/// Gets the lock's owner out of a nested poll, for a thread that waits for the lock. Where the
/// owner's poll is not nested, it gives the lock up while it sleeps.
///
/// # Safety
///
/// `opaque` is the live context.
unsafe extern "C" fn contended(opaque: *mut c_void) {
    // SAFETY: the same contract.
    let ctx = unsafe { context(opaque) };
    // A loop of the program's own has to be told as in the reference.
    if !ours::the_loop() || state::find(ctx).is_none_or(|state| state.own.kick_owner()) {
        notify::notify(ctx, Sleepers::All);
    }
}

/// The handler of a context's own notifier. Nothing: the loop empties it.
extern "C" fn notifier_handler(_: *mut EventNotifier) {}

// For the fd loop: it tells this handler from a program's own.
hidden_names! {
    "aiocontext_async_notifier_handler" = notifier_handler;
}

/// Takes everything down: called for the last reference.
///
/// # Safety
///
/// Nobody uses the context any more, set up or not.
pub(crate) unsafe fn tear_down(ctx: ContextRef<'_>) {
    let Some(state) = state::find(ctx) else { return };
    // In a child process that has not used it, the lock may be held by threads that are not there.
    let is_own = state.own.is_of(aiocontext_fork::generation());
    // SAFETY: registered by `set_up`.
    unsafe { state.hook.unregister() };
    // Relaxed, here and below: nobody else uses the context.
    let pool = ctx.thread_pool().load(Relaxed);
    if !pool.is_null() {
        // First: its workers use the rest. SAFETY: made by `thread_pool_new`, and nobody uses it.
        unsafe { thread_pool_free(pool) };
    }
    if ours::the_loop() {
        // Closes what is there: nothing is taken out of an epoll set, which may be a parent's.
        // SAFETY: nobody has the context any more.
        unsafe { ours::release_watch(ctx) };
    } else {
        // SAFETY: both are live.
        unsafe { aio_set_event_notifier(ctx, ctx.notifier(), None) };
    }
    // SAFETY: initialised, and nobody polls it any more.
    unsafe { event_notifier_cleanup(ctx.notifier()) };
    if is_own {
        // SAFETY: initialised, and nobody holds it.
        unsafe { rfifolock_destroy(ctx.lock_place()) };
    }
    // SAFETY: initialised, and nobody holds it.
    unsafe { libc::pthread_mutex_destroy(ctx.bh_mutex()) };
    // SAFETY: initialised, and nobody uses it.
    unsafe { timerlistgroup_deinit(ctx.timers()) };
    let state = ctx.first_bh().swap(ptr::null_mut(), Relaxed).cast::<State>();
    // SAFETY: made by `set_up`, and nobody uses it.
    drop(unsafe { Box::from_raw(state) });
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
    let ctx = argument!(LIBRARY, aio_context_ref(ctx): ContextRef<'_>);
    // SAFETY: a live GSource, which is the context's first member.
    unsafe { glib_sys::g_source_ref(ctx.as_ptr().cast()) };
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
    // SAFETY: a live GSource, which is the context's first member.
    unsafe { glib_sys::g_source_unref(ctx.as_ptr().cast()) };
}

/// Makes a context the calling process's own, if this component has made it.
fn enter_own(ctx: ContextRef<'_>) {
    if let Some(state) = state::find(ctx) {
        enter(ctx, state);
    }
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
    enter_own(ctx);
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
    enter_own(ctx);
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
    // SAFETY: a live GSource, which is the context's first member.
    unsafe { glib_sys::g_source_ref(ctx.as_ptr().cast()) };
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
    let ctx = argument!(LIBRARY, aio_get_thread_pool(ctx): ContextRef<'_>);
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
    timeout(ctx, state::entered(ctx, "aio_compute_timeout"))
}

/// [`aio_compute_timeout`] for this component's own calls.
pub(crate) fn timeout(ctx: ContextRef<'_>, state: &State) -> i64 {
    let urgency = state.bottom_halves.most_urgent();
    if urgency == Some(Urgency::Now) {
        return 0;
    }
    let deadline = deadline(ctx);
    match urgency {
        Some(_) if deadline < 0 => IDLE_NS,
        Some(_) => deadline.min(IDLE_NS),
        None => deadline,
    }
}

/// The time to the context's nearest timer in ns, -1 if there is none.
pub(crate) fn deadline(ctx: ContextRef<'_>) -> i64 {
    // SAFETY: initialised by `aio_context_new`.
    unsafe { timerlistgroup_deadline_ns(ctx.timers()) }
}
