//! Notifying a context: its two events, and the protocol that each kind of loop speaks.

use core::ffi::c_int;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::EventNotifier;
use aio_notify::ffi::{preserving_errno, ContextRef, Wakeup};
use aio_notify::protocol::{self, Event as _};
use aiocontext_wake::{publish, Context, Event, Events, Sleepers};

use crate::import::{event_notifier_set, event_notifier_test_and_clear};
use crate::state::{self, State};
use crate::{components, LIBRARY};

/// The library's own protocol on a context, whose state this is.
pub(crate) fn coalescing<'a>(
    ctx: ContextRef<'a>,
    state: &'a State,
) -> Context<'a, ContextEvents<'a>> {
    Context {
        notify_me: ctx.notify_me(),
        notified: ctx.notified(),
        private: &state.own.words,
        events: ContextEvents { private: &state.own.event, public: PublicEvent::from(ctx) },
    }
}

/// The notifier of a live context, by the functions of the event notifier component.
#[derive(Clone, Copy)]
pub(crate) struct PublicEvent(*mut EventNotifier);

impl From<ContextRef<'_>> for PublicEvent {
    #[inline]
    fn from(ctx: ContextRef<'_>) -> Self {
        Self(ctx.notifier())
    }
}

impl protocol::Event for PublicEvent {
    fn set(&self) {
        // SAFETY: initialised, and live as its context is.
        let result = keeping_errno(components::event_notifier_set_is_own(), || unsafe {
            event_notifier_set(self.0)
        });
        if result < 0 {
            LIBRARY.cannot_wake(result.wrapping_neg());
        }
    }

    fn clear(&self) {
        // A descriptor that cannot be read cannot be polled either: the loop's own poll reports it.
        keeping_errno(components::test_and_clear_is_own(), || {
            // SAFETY: initialised, and live as its context is.
            unsafe { event_notifier_test_and_clear(self.0) }
        });
    }
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

/// The events of a context that this component has made.
pub(crate) struct ContextEvents<'a> {
    private: &'a Event,
    public: PublicEvent,
}

impl Events for ContextEvents<'_> {
    fn fill_private(&self) -> bool {
        // A child process that cannot make an event has a loop that looks by itself.
        self.private.is_open()
            && self.private.fill().inspect_err(|e| LIBRARY.cannot_wake(e.raw_os_error())).is_ok()
    }

    fn drain_private(&self) {
        self.private.drain();
    }

    fn fill_public(&self) {
        self.public.set();
    }

    fn drain_public(&self) {
        self.public.clear();
    }
}

/// The protocol for a context and a loop of the program's own.
pub(crate) fn public(ctx: ContextRef<'_>) -> Wakeup<'_, PublicEvent> {
    ctx.wakeup()
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
        None => protocol::wake(public(ctx)),
        Some(state) if state.own.is_of(aiocontext_fork::generation()) => {
            coalescing(ctx, state).wake(sleepers);
        }
        // A child process that has not used the context yet. The private event is still its parent's,
        // and nobody here sleeps on it: the child's loop makes its own before it looks. The public
        // event may be the child's own already.
        // Relaxed: a thread that sleeps on it has been started since it was made.
        Some(state) if state.notifier_process.load(Relaxed) == aiocontext_fork::generation() => {
            protocol::wake(public(ctx));
        }
        Some(_) => {}
    }
}
