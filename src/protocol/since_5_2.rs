//! The handshake with loops of QEMU 5.2 and later.
//!
//! Such a loop chooses its timeout and polls in user space *before* it raises `notify_me`, and then
//! loads `notified`: so every notification must leave that flag set, whether anyone sleeps or not.
//! The loop lowers `notify_me`, calls [`accept`], and drains the event itself, in its own handler
//! of the notifier's descriptor.
//!
//! | notifier | loop (one thread) |
//! | --- | --- |
//! | publish the work | look at the work, choose the timeout |
//! | `notified`: exchange for true (release) | raise `notify_me`; full fence |
//! | full fence | `notified`? timeout 0 |
//! | `notify_me` not 0? fill the event | poll; lower `notify_me` |
//! | | `notified`: exchange for false; full fence |
//! | | drain the event if it is readable; do the work |
//!
//! Two promises, and what each rests on:
//!
//! * **Going to sleep.** Each side writes one of `notified` and `notify_me`, and loads the other
//!   behind a full fence: either the notifier sees `notify_me` raised, or the loop sees `notified`.
//!   A GSource looks at the work itself behind its fence, which serves as well.
//! * **Waking up.** The flag that the loop clears may stand for work that the loop must then see, so
//!   both sides *exchange* it. With plain stores and the same fences, C++20 lets the loop's `false`
//!   overwrite the notifier's `true` while the loop misses the work and the notifier finds
//!   `notify_me` lowered: a lost wakeup. x86, ARMv8 and RISC-V forbid that, so only an optimizing
//!   compiler or a future CPU could lose it. The loop's exchange reads the flag that it clears; the
//!   notifiers' exchanges form one release sequence, so that it reads from all of them.

use core::sync::atomic::compiler_fence;

use super::sync::{fence, Ordering, EXCHANGE_IS_BARRIER};
use super::sync::{Relaxed, Release, SeqCst};
use super::words::Words;

/// Leaves `notified` set, and wakes the loop if anyone sleeps or is about to. What the caller wrote
/// before is visible to the loop once it has found `notified` set, has been woken, or has cleared
/// the flag.
///
/// With nobody asleep it costs one exchange, one full fence (none on x86) and one load.
#[inline]
pub fn notify(words: Words<'_>, fill: impl FnOnce()) {
    // Release: pairs with the exchange in `accept` and with the loop's load of `notified`. Without
    // it they may find the flag set and miss the caller's work.
    // An exchange: a plain store would end the release sequence of another notifier, whose work the
    // loop would then miss although it clears that flag too.
    words.notified.swap(true, exchange(Release));
    // Pairs with the fence behind the loop's raise of `notify_me`. Without it the load below may
    // overtake the exchange: this side finds nobody asleep, the loop finds the flag clear.
    exchange_fence(SeqCst);
    // Relaxed: the fence above orders it, and no later read depends on it.
    if words.notify_me.load(Relaxed) != 0 {
        wake(fill);
    }
}

/// The half of [`notify`] that costs a system call.
#[cold]
#[inline(never)]
fn wake(fill: impl FnOnce()) {
    fill();
}

/// Clears `notified`, with a full barrier behind it. The loop drains the event itself.
///
/// For the loop, once its poll has returned and `notify_me` is lowered, before it looks at the
/// work.
#[inline]
pub fn accept(words: Words<'_>) {
    // An exchange: pairs with the one in `notify`. A plain store would not read the flag that it
    // overwrites, and the loop could miss the work that the flag stands for.
    // Relaxed: the fence below makes it an acquire, and orders it before what follows.
    words.notified.swap(false, exchange(Relaxed));
    // Pairs with the release in `notify`. Without it the loop may read the work before it clears
    // the flag, and loses a notification in between; with less than a full fence, others may still
    // find the flag set after this thread has read on.
    exchange_fence(SeqCst);
}

/// The ordering of an exchange with an [`exchange_fence`] behind it.
#[inline]
fn exchange(order: Ordering) -> Ordering {
    if EXCHANGE_IS_BARRIER {
        // The exchange stands for the fence too. No compiler makes less of SeqCst than a locked
        // instruction: a store in its place is PLAIN_NOTIFY in models/x86_5_2.pml.
        SeqCst
    } else {
        order
    }
}

/// The fence directly behind an exchange of the same thread.
#[inline]
fn exchange_fence(order: Ordering) {
    if EXCHANGE_IS_BARRIER {
        // The exchange is a full barrier, so only the compiler must be kept from moving what
        // follows; models/x86_5_2.pml shows that nothing more is needed. Loom has the other fence.
        compiler_fence(order);
    } else {
        fence(order);
    }
}
