//! Notifying a context: its two events, and the protocol that each kind of loop speaks.

use core::ffi::c_int;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::ffi::{preserving_errno, ContextRef};
use aio_notify::protocol::coalescing::{publish, Context, Sleepers};
use aio_notify::protocol::flag;
use aiocontext_wake::Event;

use crate::import::{event_notifier_set, event_notifier_test_and_clear};
use crate::state::{self, State};
use crate::{components, LIBRARY};

/// The library's own protocol on a context, whose state this is.
pub(crate) fn coalescing<'a>(ctx: ContextRef<'a>, state: &'a State) -> Context<'a> {
    Context { words: ctx.words(), private: &state.own.words }
}

/// Fills the context's notifier, by the function of the event notifier component.
fn fill_public(ctx: ContextRef<'_>) {
    let result = keeping_errno(components::event_notifier_set_is_own(), || {
        // SAFETY: initialised, and live as its context is.
        unsafe { event_notifier_set(ctx.notifier()) }
    });
    if result < 0 {
        LIBRARY.cannot_wake(result.wrapping_neg());
    }
}

/// Drains the context's notifier, by the function of the event notifier component.
pub(crate) fn drain_public(ctx: ContextRef<'_>) {
    // A descriptor that cannot be read cannot be polled either: the loop's own poll reports it.
    keeping_errno(components::test_and_clear_is_own(), || {
        // SAFETY: initialised, and live as its context is.
        unsafe { event_notifier_test_and_clear(ctx.notifier()) }
    });
}

/// Calls a function of the event notifier component: a program's own may change `errno`.
#[inline]
fn keeping_errno(is_own: bool, call: impl FnOnce() -> c_int) -> c_int {
    if is_own {
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

/// Wakes these sleepers, after the caller has published work.
#[inline]
pub(crate) fn notify(ctx: ContextRef<'_>, sleepers: Sleepers) {
    if publish(ctx.notify_me()) {
        wake(ctx, sleepers);
    }
}

/// After the poller that runs bottom halves has scheduled an idle one: wakes another that sleeps for
/// longer within 10 ms, in case this one does not get to it.
pub(crate) fn leave_to_others(ctx: ContextRef<'_>, state: &State) {
    // The others look within 10 ms by themselves.
    if publish(ctx.notify_me()) && state.own.words.has_long_sleepers() {
        preserving_errno(|| components::wake_soon(ctx));
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
        // A child process that has not used the context yet. The private event is still its parent's,
        // and nobody here sleeps on it: the child's loop makes its own before it looks. The public
        // event may be the child's own already.
        // Relaxed: a thread that sleeps on it has been started since it was made.
        Some(state) if state.notifier_process.load(Relaxed) == aiocontext_fork::generation() => {
            flag::wake(move || fill_public(ctx), ctx.notified());
        }
        Some(_) => {}
    }
}
