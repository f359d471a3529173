//! The handshake with loops of QEMU 5.2 and later.
//!
//! Such a loop asks for its timeout and polls in user space *before* it raises `notify_me`, and
//! then looks at `notified`: so every notification must leave that flag set, asked for or not. It
//! lowers `notify_me`, calls [`accept`], and empties the event itself, in its own handler of the
//! notifier's descriptor.
//!
//! | notifier | loop (one thread) |
//! | --- | --- |
//! | publish the work | look at the work, choose the timeout |
//! | `notified`: exchange for true (release) | raise `notify_me`; full fence |
//! | full fence | `notified`? timeout 0 |
//! | `notify_me` not 0? fill the event | poll; lower `notify_me` |
//! | | `notified`: exchange for false; full fence |
//! | | empty the event if it is readable; do the work |
//!
//! Two promises, and what each of them rests on:
//!
//! * **Going to sleep.** `notified` and `notify_me` are each written by one side and then read by
//!   the other behind a full fence: either the notifier sees `notify_me` raised, or the loop sees
//!   `notified`. A GSource, which looks at the work itself behind its fence, is served likewise.
//! * **Waking up.** The flag that the loop takes back may belong to work that it must then see.
//!   That is why both sides *exchange* it. With plain stores and the same fences, C++20 lets the
//!   loop's `false` follow the notifier's `true` and the loop still miss the work behind it, while
//!   the notifier finds `notify_me` lowered: a lost wakeup. x86, ARMv8 and RISC-V forbid that, for
//!   there a store that has been overwritten has been seen; but no compiler need keep to it, nor
//!   does a proof in the language's own model go through. The loop's exchange reads the flag
//!   that it takes; the notifiers' exchanges make one release sequence, so that it reads all of
//!   theirs.
//!
//! On x86 an exchange is a full barrier, so the fence behind it is one for the compiler alone:
//! `models/x86_5_2.pml` shows that nothing more is needed.
//!
//! Like [`crate::protocol`] it must never lock, allocate or block.

use core::sync::atomic::Ordering::{Relaxed, Release, SeqCst};

use crate::protocol::{Context, Event, Notified, NotifyMe};

/// Leaves `notified` set, and wakes whoever sleeps or is about to. What the caller wrote before is
/// visible to the loop once it has found `notified` set, has been woken, or has taken the flag.
///
/// With nobody asleep it is one exchange, one full fence (none on x86) and one load.
#[inline]
pub fn notify<C: Context>(ctx: C) {
    // Release: pairs with the exchange in `accept` and with the loop's look at `notified`. Without
    // it they may find the flag set and the caller's work not yet there.
    // An exchange: a plain store would end the release sequence of another notifier's, whose work
    // the loop would then miss though it takes that flag too.
    ctx.notified().swap(true, Release);
    // Pairs with the fence behind the loop's raise of `notify_me`. Without it the load below may
    // overtake the exchange: this side finds nobody asleep, the loop finds the flag clear.
    C::NotifyMe::swap_fence(SeqCst);
    // Relaxed: the fence above orders it, and nothing is read on the strength of its value.
    if ctx.notify_me().load(Relaxed) != 0 {
        wake(ctx);
    }
}

/// The half of `notify` that costs a system call.
#[cold]
#[inline(never)]
fn wake<C: Context>(ctx: C) {
    ctx.event().set();
}

/// Clears `notified`, with a full barrier behind it. The event is the loop's own to empty.
///
/// For the loop, once its poll has returned and `notify_me` is lowered, before it looks at the
/// work.
#[inline]
pub fn accept<C: Context>(ctx: C) {
    // An exchange: pairs with the one in `notify`. A plain store would not read the flag that it
    // overwrites, and the loop could miss the work that the flag stands for.
    // Relaxed: the fence below makes an acquire of it, and orders it before what follows.
    ctx.notified().swap(false, Relaxed);
    // Pairs with the release above. Without it the work may be read before the flag is taken, and
    // a notification in between is lost; with less than a full fence the flag may also still be
    // found set by others after this thread has read on.
    C::NotifyMe::swap_fence(SeqCst);
}
