//! Filling a context when it is made, and tearing it down with its last reference.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::event_notifier::EventNotifierHandler;
use aio_notify::abi::EventNotifier;
use aio_notify::ffi::ContextRef;
use aio_notify::protocol::coalescing::Sleepers;
use aio_notify::{argument, hidden_names};
use libc::{pthread_mutex_destroy, pthread_mutex_init};

use crate::import::{
    aio_set_event_notifier, event_notifier_cleanup, event_notifier_init, rfifolock_destroy,
    rfifolock_init, timerlistgroup_deinit, timerlistgroup_init,
};
use crate::state::{self, State};
use crate::{components, notify, renew, thread_pool, LIBRARY};

/// `on_member!(function(ctx.member, ...))` calls a function that makes or unmakes a member of a context.
/// For [`set_up`] and [`tear_down`] only.
macro_rules! on_member {
    ($function:ident($ctx:ident.$member:ident $(, $argument:expr)*)) => {
        // SAFETY: nobody else uses the context, by the contracts of both functions; the member is
        // memory for what is made there, and only what has been made is unmade. The context, which is
        // a callback's argument, lives as long as the member.
        unsafe { $function($ctx.$member() $(, $argument)*) }
    };
}

/// Fills a new context. On failure gives the `errno`.
///
/// # Safety
///
/// `ctx` is new and zeroed but for its GSource.
pub(crate) unsafe fn set_up(ctx: ContextRef<'_>) -> Result<(), i32> {
    let opaque = ctx.as_ptr().cast::<c_void>();
    let opened = on_member!(event_notifier_init(ctx.notifier, 0));
    if opened < 0 {
        return Err(-opened);
    }
    let state = Box::new(State::new(ctx, renew::in_child));
    if components::loop_is_own() {
        if let Err(e) = state.own.event.open() {
            on_member!(event_notifier_cleanup(ctx.notifier));
            return Err(e.raw_os_error());
        }
    }
    let state = Box::leak(state);
    // SAFETY: stays where it is until the context is torn down.
    unsafe { state.hook.register() };
    // Relaxed: nobody else knows the context.
    ctx.first_bh().store(ptr::from_mut(state).cast(), Relaxed);
    on_member!(rfifolock_init(ctx.lock_place, Some(contended), opaque));
    // Without attributes it cannot fail.
    on_member!(pthread_mutex_init(ctx.bh_mutex, ptr::null()));
    on_member!(timerlistgroup_init(ctx.timers, Some(kick), opaque));
    set_notifier_handler(ctx, Some(notifier_handler));
    // Relaxed: this thread has written it.
    if components::loop_is_own() && ctx.first_handler().load(Relaxed).is_null() {
        // Our fd loop had no descriptor for its epoll set; `errno` says so.
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
    let ctx = opaque.cast();
    notify::notify(argument!(LIBRARY, kick(ctx): ContextRef<'_>), Sleepers::All);
}

/// Gets the lock's owner out of a nested poll, for a thread that waits for the lock. An owner whose
/// poll is not nested gives the lock up while it sleeps.
///
/// # Safety
///
/// `opaque` is the live context.
unsafe extern "C" fn contended(opaque: *mut c_void) {
    let ctx = opaque.cast();
    let ctx = argument!(LIBRARY, contended(ctx): ContextRef<'_>);
    // A loop of the program's own is notified, as in the reference.
    if !components::loop_is_own() || state::find(ctx).is_none_or(|state| state.own.kick_owner()) {
        notify::notify(ctx, Sleepers::All);
    }
}

/// Sets the handler of a context's own notifier, or with `None` removes it.
fn set_notifier_handler(ctx: ContextRef<'_>, handler: EventNotifierHandler) {
    // SAFETY: an initialised notifier, which lives as long as its context.
    unsafe { aio_set_event_notifier(ctx, ctx.notifier(), handler) };
}

/// The handler of a context's own notifier. It does nothing: the loop empties the notifier.
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
    // In a child process that has not used it, threads that the child does not have may hold the lock.
    let is_own = state.own.is_of(aiocontext_fork::generation());
    // SAFETY: registered by `set_up`.
    unsafe { state.hook.unregister() };
    // First: its workers use the rest. SAFETY: nobody else uses the context.
    unsafe { thread_pool::free(ctx) };
    if components::loop_is_own() {
        // Only closes: an epoll set may be a parent's, and nothing is taken out of it.
        // SAFETY: nobody has the context any more.
        unsafe { components::release_fd_loop(ctx) };
    } else {
        set_notifier_handler(ctx, None);
    }
    on_member!(event_notifier_cleanup(ctx.notifier));
    if is_own {
        on_member!(rfifolock_destroy(ctx.lock_place));
    }
    on_member!(pthread_mutex_destroy(ctx.bh_mutex));
    on_member!(timerlistgroup_deinit(ctx.timers));
    // Relaxed: nobody else uses the context.
    let state = ctx.first_bh().swap(ptr::null_mut(), Relaxed).cast::<State>();
    // SAFETY: made by `set_up`, and nobody uses it.
    drop(unsafe { Box::from_raw(state) });
}
