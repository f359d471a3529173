//! The handshake with loops of QEMU up to 5.1, which drain the event if `notified` is set.
//!
//! Two promises, and what each rests on:
//!
//! * **No wakeup is lost.** A notifier publishes its work and then loads `notify_me`; a poller raises
//!   `notify_me` and then looks at the work. A full fence between the two accesses on both sides
//!   rules out store buffering: at least one side sees the other.
//! * **The event never stays full with `notified` false**, because the notifier stores `notified`
//!   again after it has filled the event. The store before lets the woken loop drain the event even
//!   if the notifier is suspended directly behind its write. One window remains: if an accept takes
//!   that first store before the write, the loop busy-loops until the notifier is rescheduled.

use super::sync::{fence, AtomicBool};
use super::sync::{Acquire, Relaxed, Release, SeqCst};
use super::words::{Words, GSOURCE, POLLER};

/// Wakes the loop if anyone sleeps or is about to. What the caller wrote before is visible to the
/// thread that wakes.
///
/// With nobody asleep it costs one full fence and one load.
#[inline]
pub fn notify(words: Words<'_>, fill: impl FnOnce()) {
    // Pairs with the fence in `begin_poll`. Without it the load of `notify_me` may overtake the
    // caller's stores: the notifier sees nobody asleep, the poller sees no work and sleeps.
    fence(SeqCst);
    // Relaxed: the fence above orders it, and no later read depends on it.
    if words.notify_me.load(Relaxed) != 0 {
        wake(fill, words.notified);
    }
}

/// The half of [`notify`] that costs a system call, for a caller that has executed the fence and
/// then found `notify_me` raised.
// `fill` first: in C it is the context, which then stays in the register that it came in.
#[cold]
#[inline(never)]
pub fn wake(fill: impl FnOnce(), notified: &AtomicBool) {
    // Before the event: pairs with the load in `accept`. Without it a loop that preempts this
    // thread behind the write finds `notified` false, leaves the event full, and busy-loops until
    // this thread is rescheduled. Relaxed: filling the event publishes it along with the event.
    notified.store(true, Relaxed);
    fill();
    // After the event: pairs with the exchange in `take`. Without it an accept between the store
    // above and the write leaves the event full and `notified` false until the next notification.
    // Release: an accept that takes this `true` must find the event full when it drains it.
    notified.store(true, Release);
}

/// Drains the event if a notification has filled it. For the loop, once its poll has returned and
/// before it looks at the work.
///
/// With nothing notified it costs one load.
#[inline]
pub fn accept(words: Words<'_>, drain: impl FnOnce()) {
    // Relaxed: if it misses a `true`, the event is still full, so the next poll returns at once and
    // the next accept finds it. The event, not this load, makes the work visible.
    if words.notified.load(Relaxed) {
        take(drain, words.notified);
    }
}

/// The half of [`accept`] that costs a system call.
// `drain` first, as in `wake`.
#[cold]
#[inline(never)]
fn take(drain: impl FnOnce(), notified: &AtomicBool) {
    // Before the event is drained: a notification between the two then costs a spurious wakeup. The
    // other way round it leaves the event full with `notified` false.
    // Acquire: pairs with the second store in `wake`. Without it the event may be drained before
    // the write that this `true` stands for, and stays full with `notified` false.
    if notified.swap(false, Acquire) {
        drain();
    }
}

/// Announces that the caller is about to look at the work and may then sleep.
#[inline]
pub fn begin_poll(words: Words<'_>) {
    // Relaxed: the fence below orders it.
    words.notify_me.fetch_add(POLLER, Relaxed);
    // Pairs with the fence in `notify`. An addition does not order the loads behind it, whatever its
    // ordering: they may find no work before `notify_me` is raised, and the wakeup is lost.
    fence(SeqCst);
}

/// Undoes [`begin_poll`], as soon as poll has returned.
#[inline]
pub fn end_poll(words: Words<'_>) {
    // Relaxed: a notifier that sees the old value causes a spurious wakeup. The fence in
    // `begin_poll` makes the work of one that sees the new value visible before the next sleep.
    words.notify_me.fetch_sub(POLLER, Relaxed);
}

/// [`begin_poll`] for the GSource, in its prepare function.
#[inline]
pub fn prepare(words: Words<'_>) {
    // Relaxed: the fence below orders it.
    words.notify_me.fetch_or(GSOURCE, Relaxed);
    // Pairs with the fence in `notify`, as in `begin_poll`.
    fence(SeqCst);
}

/// [`end_poll`] for the GSource, in its check function, before it accepts.
#[inline]
pub fn end_prepare(words: Words<'_>) {
    // Relaxed: as in `end_poll`.
    words.notify_me.fetch_and(!GSOURCE, Relaxed);
}
