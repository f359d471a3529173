//! The wakeup protocol of a loop that is the library's own: one event write for a burst of
//! notifications.
//!
//! Where the loop is ours, it looks at the event itself instead of the flag, so the flag may
//! coalesce: whoever turns `notified` from clear to set writes ([`notify`]), and the loop, when its
//! poll reports the event readable, empties it, then clears the flag, then looks at the work
//! ([`woken`]). What that rests on:
//!
//! * Whenever the flag is set, the event is full, or a notifier is about to fill it, or a loop that
//!   has emptied it is about to clear the flag and to look at the work. In each case whoever finds
//!   the flag set may leave: its work is seen.
//! * The event may be full with the flag clear. That costs one turn of the loop, which empties it
//!   because poll says so. A loop that empties the event by the flag would turn for ever.
//!
//! A program may also have a loop of its own for a context, which knows nothing of this and calls
//! `aio_notify_accept()`. From the first such call on the context is *foreign*, for ever: every
//! notification writes, by [`aio_notify::protocol`].

#![no_std]

mod word;

use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use aio_notify::protocol::{self, Event, Notified, NotifyMe};

/// What the protocol works on.
pub trait Context: protocol::Context {
    /// Access to `foreign`.
    type Foreign: Notified;

    /// Whether a loop that is not ours uses the context; never false again once it is true.
    fn foreign(self) -> Self::Foreign;
}

/// Wakes whoever sleeps or is about to. What the caller wrote before is visible to the woken.
///
/// With nobody asleep it is one full fence and one load.
#[inline]
pub fn notify<C: Context>(ctx: C) {
    // Pairs with the fence in `protocol::begin_poll`. Without it the load of `notify_me` may
    // overtake the caller's stores: the notifier sees nobody asleep, the poller sees no work.
    C::NotifyMe::fence(SeqCst);
    // Relaxed: the fence above orders it.
    if ctx.notify_me().load(Relaxed) != 0 {
        wake(ctx);
    }
}

/// The half of `notify` that may cost a system call.
#[cold]
#[inline(never)]
fn wake<C: Context>(ctx: C) {
    // Relaxed: a `true` that is missed here is looked for again behind the write.
    if ctx.foreign().load(Relaxed) {
        protocol::wake(ctx);
        return;
    }
    // Relaxed: an exchange that comes before the loop's in `woken` puts the fence of `notify` before
    // that of the loop's next `begin_poll`, behind which the loop sees the work before it sleeps.
    // With the flag set there is nothing to do: see the top of this file.
    if ctx.notified().swap(true, Relaxed) {
        return;
    }
    ctx.event().set();
    // Pairs with the fence in `set_foreign`. Without it this thread may miss `foreign` while the loop
    // that is not ours finds the event empty: it then stays full with the flag clear, and that loop
    // turns for ever.
    C::NotifyMe::fence(SeqCst);
    // Relaxed: the fence above orders it.
    if ctx.foreign().load(Relaxed) {
        // As the last store of `protocol::wake`. Relaxed: the fence above stands between it and the
        // event, so whoever takes this finds the event full.
        ctx.notified().swap(true, Relaxed);
    }
}

/// For a loop of ours whose poll has reported the event readable; before it looks at the work.
pub fn woken<C: protocol::Context>(ctx: C) {
    // The event first. The other way round a notifier between the two would find the flag clear,
    // fill the event and have it emptied, with the flag set: nobody would fill it again.
    ctx.event().clear();
    // Relaxed: see `wake`. A caller that looks at the work at once may miss that of a notifier that
    // found the flag set, but not when it looks again before it sleeps.
    ctx.notified().swap(false, Relaxed);
}

/// `aio_notify_accept()`, called by a loop that is not ours: empties the event if a notification
/// has set it.
#[inline]
pub fn accept<C: Context>(ctx: C) {
    // Relaxed: nothing is read on the strength of it, and a `false` only repeats what follows.
    if !ctx.foreign().load(Relaxed) {
        set_foreign(ctx);
    }
    protocol::accept(ctx);
}

/// Has the context's notifications go by the protocol for loops that are not ours, for ever.
#[cold]
#[inline(never)]
pub fn set_foreign<C: Context>(ctx: C) {
    // Relaxed: the fence below orders it.
    ctx.foreign().store(true, Relaxed);
    // Pairs with the fence behind the write in `wake`.
    C::NotifyMe::fence(SeqCst);
}
