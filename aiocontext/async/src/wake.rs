//! The loop's side of the wakeup protocol, where the loop is the library's own.

use core::sync::atomic::{
    fence, AtomicBool,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
};

use aio_notify::protocol::{self, Event, Notified, NotifyMe};

/// A context that may have a loop that is not ours.
pub(crate) trait Context: protocol::Context {
    /// Whether a loop that is not ours uses the context; true for ever once it is.
    fn foreign(&self) -> &AtomicBool;
}

/// Wakes whoever sleeps or is about to.
#[inline]
pub(crate) fn notify<C: Context>(ctx: C) {
    // Pairs with the fence in `begin_poll`.
    fence(SeqCst);
    // Relaxed: the fence above orders it.
    if ctx.notify_me().load(Relaxed) != 0 {
        wake(ctx);
    }
}

#[cold]
#[inline(never)]
fn wake<C: Context>(ctx: C) {
    // Relaxed: looked at again below.
    if ctx.foreign().load(Relaxed) {
        protocol::notify(ctx);
    } else if !ctx.notified().swap(true, AcqRel) {
        ctx.event().set();
        fence(SeqCst);
        if ctx.foreign().load(Relaxed) {
            ctx.notified().store(true, Release);
        }
    }
}

/// Empties the event for a loop that is not ours, if a notification has set it.
pub(crate) fn accept<C: Context>(ctx: C) {
    if ctx.foreign().load(Relaxed) {
        protocol::accept(ctx);
        return;
    }
    ctx.foreign().store(true, Relaxed);
    // Pairs with the fence in `wake`: either it sees `foreign`, or the flag is seen here.
    fence(SeqCst);
    if ctx.notified().swap(false, Acquire) {
        ctx.event().clear();
    }
}
