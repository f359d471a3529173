//! The handshake between those who notify a loop and those who sleep in it.
//!
//! It owns the order of the accesses to `notify_me`, `notified` and the event, and nothing else:
//! no descriptor, no pointer, no memory of its own. It is generic over its atomics and over the
//! event, so that a model checker runs this very code. It must never lock, allocate or block,
//! because [`notify`] is called from signal handlers.
//!
//! Two promises, and what each of them rests on:
//!
//! * **No wakeup is lost.** The notifier publishes its work and then reads `notify_me`; a poller
//!   raises `notify_me` and then looks at the work. A full fence stands between the two accesses
//!   on both sides, so at least one of them sees the other (store buffering is ruled out).
//! * **The event never stays full with `notified` false.** The notifier stores `notified` once
//!   more after it has set the event. The store before only spares the woken loop idle turns: it
//!   finds `notified` true even when the notifier is suspended directly after the write, unless an
//!   accept has taken that store before the write (then it turns idly until the notifier runs on).

use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};

/// The part of `notify_me` that belongs to the GSource.
pub const GSOURCE: u32 = 1;

/// What each blocking poller adds to `notify_me`.
pub const POLLER: u32 = 2;

/// The atomic word `notify_me`, and the fence that goes with its kind of atomics.
pub trait NotifyMe {
    /// Atomic load.
    fn load(&self, order: Ordering) -> u32;
    /// Atomic addition, wrapping.
    fn add(&self, value: u32, order: Ordering);
    /// Atomic subtraction, wrapping.
    fn sub(&self, value: u32, order: Ordering);
    /// Atomic bitwise or.
    fn or(&self, value: u32, order: Ordering);
    /// Atomic bitwise and.
    fn and(&self, value: u32, order: Ordering);
    /// Memory fence.
    fn fence(order: Ordering);
    /// Memory fence directly behind a [`Notified::swap`] of the same thread.
    fn swap_fence(order: Ordering) {
        Self::fence(order);
    }
}

/// The atomic flag `notified`.
pub trait Notified {
    /// Atomic load.
    fn load(&self, order: Ordering) -> bool;
    /// Atomic store.
    fn store(&self, value: bool, order: Ordering);
    /// Atomic exchange; returns the value before.
    fn swap(&self, value: bool, order: Ordering) -> bool;
}

/// What makes the loop's poll return, and keeps it returning until it is emptied.
///
/// Setting it happens before a poll that finds it set, and before the call that empties it, as
/// the kernel's lock on an eventfd or a pipe has it.
pub trait Event {
    /// Fills the event. Wait-free. Reports a failure itself: the protocol could not mend it.
    fn set(&self);
    /// Empties the event.
    fn clear(&self);
}

/// What the protocol works on: a handle to one context, cheap to copy.
pub trait Context: Copy {
    /// Access to `notify_me`.
    type NotifyMe: NotifyMe;
    /// Access to `notified`.
    type Notified: Notified;
    /// Access to the event.
    type Event: Event;

    /// Who sleeps: [`GSOURCE`] and multiples of [`POLLER`].
    fn notify_me(self) -> Self::NotifyMe;
    /// Whether the event may be full.
    fn notified(self) -> Self::Notified;
    /// The event.
    fn event(self) -> Self::Event;
}

/// Wakes whoever sleeps or is about to. What the caller wrote before is visible to the woken.
///
/// With nobody asleep it is one full fence and one load.
#[inline]
pub fn notify<C: Context>(ctx: C) {
    // Pairs with the fence in `begin_poll`. Without it the load of `notify_me` may overtake
    // the caller's stores: the notifier sees nobody asleep, the poller sees no work and sleeps.
    C::NotifyMe::fence(SeqCst);
    // Relaxed: the fence above orders it, and nothing is read on the strength of its value.
    if ctx.notify_me().load(Relaxed) != 0 {
        wake(ctx);
    }
}

/// The half of `notify` that costs a system call: for a caller that has executed the fence and has
/// seen `notify_me` raised.
#[cold]
#[inline(never)]
pub fn wake<C: Context>(ctx: C) {
    // Before the event: pairs with the load in `accept`. Without it a loop that pre-empts this
    // thread behind the write finds `notified` false, leaves the event full, and polls round
    // until this thread runs again. Relaxed: setting the event publishes it along with the event.
    ctx.notified().store(true, Relaxed);
    ctx.event().set();
    // After the event: pairs with the exchange in `accept`. Without it an `accept` between the
    // store above and the write leaves the event full and `notified` false for ever.
    // Release: whoever takes this `true` must find the event full when it empties it.
    ctx.notified().store(true, Release);
}

/// Empties the event if a notification has set it. For the loop, once its poll has returned
/// and before it looks at the work.
///
/// With nothing notified it is one load.
#[inline]
pub fn accept<C: Context>(ctx: C) {
    // Relaxed: a `true` that is missed here is found by the next turn, for the event keeps
    // poll from sleeping, and the work is ordered by the event itself.
    if ctx.notified().load(Relaxed) {
        take(ctx);
    }
}

/// The half of `accept` that costs a system call.
#[cold]
#[inline(never)]
fn take<C: Context>(ctx: C) {
    // Exchange before emptying, never the other way round: a notification between the two then
    // costs an idle turn instead of leaving the event full with the flag taken.
    // Acquire: pairs with the second store in `wake`. Without it the event may be emptied
    // before the write that this `true` stands for, and stays full with `notified` false.
    if ctx.notified().swap(false, Acquire) {
        ctx.event().clear();
    }
}

/// Announces that the caller will look at the work and may then sleep.
#[inline]
pub fn begin_poll<C: Context>(ctx: C) {
    // Relaxed: the fence below orders it.
    ctx.notify_me().add(POLLER, Relaxed);
    // Pairs with the fence in `notify`. An addition alone does not order the loads that follow
    // it, whatever its ordering says: the work is found missing before `notify_me` is raised.
    C::NotifyMe::fence(SeqCst);
}

/// [`begin_poll`] for the GSource, in its prepare function: raises [`GSOURCE`] instead.
#[inline]
pub fn prepare<C: Context>(ctx: C) {
    // Relaxed: the fence below orders it.
    ctx.notify_me().or(GSOURCE, Relaxed);
    // As in `begin_poll`.
    C::NotifyMe::fence(SeqCst);
}

/// [`end_poll`] for the GSource, in its check function, before it accepts.
#[inline]
pub fn end_prepare<C: Context>(ctx: C) {
    // Relaxed: as in `end_poll`.
    ctx.notify_me().and(!GSOURCE, Relaxed);
}

/// [`end_prepare`] and [`accept`].
#[inline]
pub fn check<C: Context>(ctx: C) {
    end_prepare(ctx);
    accept(ctx);
}

/// Takes the announcement back, as soon as poll has returned.
#[inline]
pub fn end_poll<C: Context>(ctx: C) {
    // Relaxed: a notifier that still sees the old value sets the event for nothing; one that
    // sees the new one is served before the next sleep, by the fence in `begin_poll`.
    ctx.notify_me().sub(POLLER, Relaxed);
}

mod core_atomics {
    //! The protocol's atomics in a build: those of the processor.

    use super::{Notified, NotifyMe, Ordering};
    use core::sync::atomic::{self, AtomicBool, AtomicU32};

    impl NotifyMe for &AtomicU32 {
        #[inline]
        fn load(&self, order: Ordering) -> u32 {
            AtomicU32::load(self, order)
        }
        #[inline]
        fn add(&self, value: u32, order: Ordering) {
            self.fetch_add(value, order);
        }
        #[inline]
        fn sub(&self, value: u32, order: Ordering) {
            self.fetch_sub(value, order);
        }
        #[inline]
        fn or(&self, value: u32, order: Ordering) {
            self.fetch_or(value, order);
        }
        #[inline]
        fn and(&self, value: u32, order: Ordering) {
            self.fetch_and(value, order);
        }
        #[inline]
        fn fence(order: Ordering) {
            atomic::fence(order);
        }
        #[inline]
        fn swap_fence(order: Ordering) {
            if X86 {
                // The exchange is a full barrier, and only the compiler must be kept from moving
                // what follows.
                atomic::compiler_fence(order);
            } else {
                atomic::fence(order);
            }
        }
    }

    /// Whether an exchange is one locked instruction, which is a full barrier.
    const X86: bool = cfg!(any(target_arch = "x86", target_arch = "x86_64"));

    impl Notified for &AtomicBool {
        #[inline]
        fn load(&self, order: Ordering) -> bool {
            AtomicBool::load(self, order)
        }
        #[inline]
        fn store(&self, value: bool, order: Ordering) {
            AtomicBool::store(self, value, order);
        }
        #[inline]
        fn swap(&self, value: bool, order: Ordering) -> bool {
            // On x86 it stands for a fence too. No compiler makes less of it than a locked
            // instruction: a store in its place is PLAIN_NOTIFY in models/x86_5_2.pml.
            AtomicBool::swap(self, value, if X86 { Ordering::SeqCst } else { order })
        }
    }
}
