//! One turn of the loop.

use aiocontext_wake::{Event, OwnLoop};

use crate::callbacks::{reader, writer};
use crate::context::FdLoop;
use crate::import::{
    aio_bh_poll, aio_compute_timeout, aio_context_acquire, aio_context_release, aio_notify_accept,
    timerlistgroup_run_timers,
};
use crate::sleep::Found;
use crate::timeout::{Timeout, LOOK};
use crate::watch::{Noted, Watch};

/// `aio_poll`.
pub(crate) fn poll(ctx: FdLoop<'_>, blocking: bool) -> bool {
    ctx.enter();
    aio_context_acquire(*ctx);
    if let Some(watch) = ctx.watch() {
        if blocking && !ctx.has_urgent() {
            sleep(ctx, watch);
        } else {
            look(ctx, watch);
        }
    }
    if ctx.own().is_none() {
        // The notifications are the program's own.
        aio_notify_accept(*ctx);
    }
    let progress = dispatch(ctx);
    ctx.leave();
    aio_context_release(*ctx);
    progress
}

/// Notes which handlers are ready, without sleeping.
fn look(ctx: FdLoop<'_>, watch: &Watch) {
    // The loop's own event alone need not be looked at by a loop that does not sleep.
    if !watch.is_empty() || watch.own().is_none() {
        look_at_all(ctx, watch);
    }
}

/// The same, also at the loop's own event.
fn look_at_all(ctx: FdLoop<'_>, watch: &Watch) {
    let mut found = Found::new();
    watch.wait(&mut found, Timeout::Now, None);
    note(ctx, watch, &found);
}

/// Sleeps until there is something to do, and notes which handlers are ready.
///
/// The caller holds the context's lock.
fn sleep(ctx: FdLoop<'_>, watch: &Watch) {
    // Sleeping gives the lock up once. If the caller holds it more often, a thread that waits for the
    // lock has to get the caller out of here.
    let nesting = ctx.lock_nesting();
    let is_nested = nesting > 1;
    let kick = if is_nested { watch.own().and_then(OwnLoop::begin_nested) } else { None };
    let mut raised = ctx.raise();
    // After the fence of `raise`: a thread that has work for the loop either sees `notify_me` raised and
    // wakes it, or is seen from here on.
    let mut timeout = Timeout::from_ns(aio_compute_timeout(*ctx));
    // The waiter last: the owner is told of it only if it gives up a sleep for it.
    if watch.is_ready()
        || (timeout != Timeout::Now && is_nested && ctx.has_new_waiter(watch, nesting))
    {
        timeout = Timeout::Now;
    } else if watch.looks() || (is_nested && kick.is_none() && watch.own().is_some()) {
        // Also where there is no descriptor by which to get the owner out of here.
        timeout = timeout.at_most(LOOK);
    }
    if timeout == Timeout::Now {
        raised.lower();
        if let (true, Some(own)) = (is_nested, watch.own()) {
            own.end_nested();
        }
        look(ctx, watch);
        return;
    }
    let is_long = timeout != timeout.at_most(LOOK) && raised.lengthen();
    if !is_long {
        timeout = timeout.at_most(LOOK);
    }
    let turns = watch.turns();
    // Others may use the context meanwhile.
    aio_context_release(*ctx);
    let mut found = Found::new();
    watch.wait(&mut found, timeout, kick.map(Event::read_end));
    while let (true, Some(kick)) = (found.is_kicked(), kick) {
        // First: a waiter that comes after the look fills it again.
        kick.drain();
        if ctx.has_new_waiter(watch, nesting) || found.iter().next().is_some() {
            break;
        }
        // It was for one that the owner has been told of.
        let mut left = Timeout::from_ns(aio_compute_timeout(*ctx));
        if !is_long || watch.looks() {
            // It is not counted among those who sleep for longer.
            left = left.at_most(LOOK);
        }
        found = Found::new();
        watch.wait(&mut found, left, Some(kick.read_end()));
    }
    let is_same_process = raised.lower();
    if let (true, Some(own)) = (is_nested, watch.own()) {
        own.end_nested();
    }
    aio_context_acquire(*ctx);
    // Others may have run meanwhile the handlers that are reported here.
    if watch.turns() != turns || !is_same_process {
        look_at_all(ctx, watch);
    } else {
        note(ctx, watch, &found);
    }
}

/// Notes which handlers are ready, and answers a notification.
#[inline]
fn note(ctx: FdLoop<'_>, watch: &Watch, found: &Found) {
    if watch.note(found.iter()) == Noted::Event {
        ctx.consume();
    }
}

/// Looks which handlers are ready, for a loop that has polled the context's descriptor, and answers
/// a notification. Returns whether any is.
pub(crate) fn pending(ctx: FdLoop<'_>) -> bool {
    ctx.enter();
    let Some(watch) = ctx.watch() else { return false };
    // Also for the loop's own event alone: GLib's poll returns for as long as it is full.
    look_at_all(ctx, watch);
    let pending = watch.has_reported();
    if !pending && watch.concerns_others() && ctx.left(watch) != 0 {
        // There is no dispatch to come, and GLib may poll the context no more.
        ctx.leave();
    }
    pending
}

/// Runs bottom halves, ready handlers and timers.
pub(crate) fn dispatch(ctx: FdLoop<'_>) -> bool {
    let mut progress = aio_bh_poll(*ctx) != 0;
    progress |= run_handlers(ctx);
    // SAFETY: initialised with its context.
    progress |= unsafe { timerlistgroup_run_timers(ctx.timers()) };
    progress
}

fn run_handlers(ctx: FdLoop<'_>) -> bool {
    let mut progress = false;
    let Some(watch) = ctx.watch() else { return false };
    // A nested poll takes from the same list, so that nothing runs twice.
    while let Some((token, callbacks, events)) = watch.take_ready() {
        let is_notifier = ctx.is_notifier(callbacks.opaque);
        if is_notifier {
            ctx.drain_notifier();
        }
        if let Some(io_read) = reader(&callbacks, events) {
            // SAFETY: the program's callback with its argument; nothing is held.
            unsafe { io_read(callbacks.opaque) };
            progress |= !is_notifier;
            // It may have forked.
            ctx.enter();
        }
        // The callback may have removed or replaced the handler.
        let Some(callbacks) = watch.callbacks(token) else { continue };
        if let Some(io_write) = writer(&callbacks, events) {
            // SAFETY: the program's callback with its argument; nothing is held.
            unsafe { io_write(callbacks.opaque) };
            progress |= !is_notifier;
            ctx.enter();
        }
    }
    progress
}
