//! `aio_notify` and `aio_notify_accept`.

use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::AioContext;
use aio_notify::ffi::{preserving_errno, ContextRef, View};
use aio_notify::hidden_names;
use aio_notify::protocol::coalescing::{publish, Context, Sleepers};
use aio_notify::protocol::flag;
use aiocontext_wake::{Event, OwnLoop};

use crate::import::{event_notifier_set, event_notifier_test_and_clear};
use crate::renew::enter;
use crate::state::{self, State};
use crate::{ours, LIBRARY};

/// The library's own protocol on a context, whose state this is.
pub(crate) fn coalescing<'a>(ctx: ContextRef<'a>, state: &'a State) -> Context<'a> {
    Context { words: ctx.words(), private: &state.own.words }
}

/// Fills the context's notifier, by the function of the event notifier component.
fn fill_public(ctx: ContextRef<'_>) {
    // SAFETY: initialised, and live as its context is.
    let result = keeping_errno(ours::set(), || unsafe { event_notifier_set(ctx.notifier()) });
    if result < 0 {
        LIBRARY.cannot_wake(result.wrapping_neg());
    }
}

/// Drains the context's notifier, by the function of the event notifier component.
pub(crate) fn drain_public(ctx: ContextRef<'_>) {
    // A descriptor that cannot be read cannot be polled either: the loop's own poll reports it.
    keeping_errno(ours::test_and_clear(), || {
        // SAFETY: initialised, and live as its context is.
        unsafe { event_notifier_test_and_clear(ctx.notifier()) }
    });
}

/// Calls a function of the event notifier component: a program's own may change `errno`.
#[inline]
fn keeping_errno(is_ours: bool, call: impl FnOnce() -> c_int) -> c_int {
    if is_ours {
        call()
    } else {
        preserving_errno(call)
    }
}

/// Fills the private event. False if that failed, or if a child process could not make one: then its
/// loop polls every 10 ms.
fn fill_private(event: &Event) -> bool {
    event.is_open() && event.fill().inspect_err(|e| LIBRARY.cannot_wake(e.raw_os_error())).is_ok()
}

/// [`aio_notify`] for this component's own calls, and for some sleepers only.
#[inline]
pub(crate) fn notify(ctx: ContextRef<'_>, sleepers: Sleepers) {
    if publish(ctx.notify_me()) {
        wake(ctx, sleepers);
    }
}

/// After an idle bottom half has been scheduled by the poller that runs bottom halves: has it served by
/// another that sleeps for longer, where this one does not come to it.
pub(crate) fn leave_to_others(ctx: ContextRef<'_>, state: &State) {
    // The others look within 10 ms by themselves.
    if publish(ctx.notify_me()) && state.own.words.has_long_sleepers() {
        preserving_errno(|| ours::wake_soon(ctx));
    }
}

/// The half of `notify` that may cost a system call.
#[cold]
#[inline(never)]
fn wake(ctx: ContextRef<'_>, sleepers: Sleepers) {
    match state::find(ctx) {
        None => flag::wake(move || fill_public(ctx), ctx.notified()),
        Some(state) if state.own.is_of(aiocontext_fork::generation()) => {
            let fill_private = || fill_private(&state.own.event);
            coalescing(ctx, state).wake(sleepers, fill_private, move || fill_public(ctx));
        }
        // In a child process that has not used the context yet. The private event is still its
        // parent's, and nobody here sleeps on it: the child's loop first makes its own, and then
        // looks. The public one may be the child's own already.
        // Relaxed: whoever sleeps on it was made after it.
        Some(state) if state.notifier_process.load(Relaxed) == aiocontext_fork::generation() => {
            flag::wake(move || fill_public(ctx), ctx.notified());
        }
        Some(_) => {}
    }
}

/// As libaionotify's `aio_notify()`, whose comment both libraries' papers have; for contexts with the
/// library's own loop or one of the program's.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => notify(unsafe { ContextRef::new(ctx) }, Sleepers::All),
        None => LIBRARY.is_null("aio_notify", "ctx"),
    }
}

/// As libaionotify's `aio_notify_accept()`, whose comment both libraries' papers have; for contexts with the
/// library's own loop or one of the program's.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify_accept(ctx: *mut AioContext) {
    let Some(ctx) = NonNull::new(ctx) else {
        return LIBRARY.is_null("aio_notify_accept", "ctx");
    };
    // SAFETY: the context is live by this function's contract.
    let ctx = unsafe { ContextRef::new(ctx) };
    match state::find(ctx) {
        Some(state) => {
            enter(ctx, state);
            coalescing(ctx, state).accept(move || drain_public(ctx));
        }
        None => flag::accept(ctx.words(), move || drain_public(ctx)),
    }
}

/// What the fd loop shares with this component; NULL for a context that this one has not made.
extern "C" fn own_loop(ctx: ContextRef<'_>) -> *const OwnLoop {
    state::find(ctx).map_or(core::ptr::null(), |state| &raw const state.own)
}

/// Whether a bottom half seems to be scheduled, so that the fd loop need not announce a sleeper.
extern "C" fn has_urgent(ctx: ContextRef<'_>) -> bool {
    state::find(ctx).is_some_and(|state| state.bottom_halves.has_urgent())
}

// For the comparison in `ours` and for the fd loop.
hidden_names! {
    "aiocontext_async_aio_notify" = aio_notify;
    "aiocontext_async_aio_notify_accept" = aio_notify_accept;
    "aiocontext_async_own_loop" = own_loop;
    "aiocontext_async_has_urgent" = has_urgent;
}
