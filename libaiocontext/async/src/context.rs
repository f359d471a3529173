//! Filling a context when it is made, and tearing it down with its last reference.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::ffi::{ContextRef, View};
use aio_notify::hidden_names;
use aiocontext_wake::Sleepers;

use crate::import::{
    aio_set_event_notifier, event_notifier_cleanup, event_notifier_init, rfifolock_destroy,
    rfifolock_init, timerlistgroup_deinit, timerlistgroup_init,
};
use crate::state::{self, State};
use crate::{components, notify, renew, thread_pool};

/// Fills a new context. On failure gives the `errno`.
///
/// # Safety
///
/// `ctx` is new and zeroed but for its GSource.
pub(crate) unsafe fn set_up(ctx: ContextRef<'_>) -> Result<(), i32> {
    let opaque = ctx.as_ptr().cast::<c_void>();
    let notifier = ctx.notifier();
    // SAFETY: memory for a notifier.
    let opened = unsafe { event_notifier_init(notifier, 0) };
    if opened < 0 {
        return Err(-opened);
    }
    let state = Box::new(State::new(ctx, renew::in_child));
    if components::loop_is_own() {
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
    if components::loop_is_own() && ctx.first_handler().load(Relaxed).is_null() {
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
    if !components::loop_is_own() || state::find(ctx).is_none_or(|state| state.own.kick_owner()) {
        notify::notify(ctx, Sleepers::All);
    }
}

/// The handler of a context's own notifier. Nothing: the loop empties it.
extern "C" fn notifier_handler(_: *mut EventNotifier) {}

// The fd loop tells this handler from a program's own.
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
    // First: its workers use the rest. SAFETY: nobody else uses the context.
    unsafe { thread_pool::free(ctx) };
    if components::loop_is_own() {
        // Closes what is there: nothing is taken out of an epoll set, which may be a parent's.
        // SAFETY: nobody has the context any more.
        unsafe { components::release_fd_loop(ctx) };
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
    // Relaxed: nobody else uses the context.
    let state = ctx.first_bh().swap(ptr::null_mut(), Relaxed).cast::<State>();
    // SAFETY: made by `set_up`, and nobody uses it.
    drop(unsafe { Box::from_raw(state) });
}
