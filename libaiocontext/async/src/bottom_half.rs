//! Bottom halves: callbacks that run in a context's loop.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::opaque::QEMUBH;
use aio_notify::ffi::{thread, ContextRef, Opaque, View};
use aio_notify::protocol::coalescing::Sleepers;

use crate::queue::Urgency;
use crate::state::{self, Bh, State, Task};
use crate::{components, notify};

/// Runs the scheduled bottom halves of a context. Returns whether one ran that was not idle.
pub(crate) fn poll(state: &State) -> bool {
    let queue = &state.bottom_halves;
    let mut progress = false;
    if let Some(pass) = queue.begin() {
        // Relaxed, here and below: a thread finds its own name only if it has written it itself.
        let is_runner = state.runner.compare_exchange(0, this_thread(), Relaxed, Relaxed).is_ok();
        while let Some(turn) = queue.take_turn(pass) {
            if turn.urgency == Urgency::Now {
                progress = true;
            }
            let Task { cb, opaque: Opaque(opaque), .. } = turn.task;
            // SAFETY: the program's callback, as `aio_bh_new` was told; nothing is held, and the
            // bottom half is not accessed again.
            unsafe { cb(opaque) };
        }
        if is_runner {
            state.runner.store(0, Relaxed);
        }
    }
    progress
}

/// The calling thread's name, never 0.
fn this_thread() -> usize {
    thread::this_thread() as usize
}

/// A bottom half that has not been freed, and its context.
pub(crate) struct BhRef<'a> {
    bh: *mut Bh,
    ctx: ContextRef<'a>,
    state: &'a State,
}

impl View for BhRef<'_> {
    type Of = QEMUBH;

    #[inline]
    unsafe fn new(bh: NonNull<QEMUBH>) -> Self {
        let bh = bh.as_ptr().cast::<Bh>();
        // SAFETY: a live bottom half by the trait's contract; its context lives as long.
        let ctx = unsafe { (*bh).task() }.ctx;
        Self { bh, ctx, state: state::of(ctx, "aio_bh_new") }
    }
}

impl BhRef<'_> {
    /// Returns whether the caller must notify the loop.
    #[inline]
    fn enqueue(&self, urgency: Urgency) -> bool {
        // SAFETY: of this queue and live by the type's contract.
        unsafe { self.state.bottom_halves.schedule(self.bh, urgency) }
    }

    /// Schedules it to run soon.
    #[inline]
    pub(crate) fn schedule(&self) {
        if self.enqueue(Urgency::Now) {
            notify::notify(self.ctx, Sleepers::All);
        }
    }

    /// Schedules it to run within 10 ms.
    #[inline]
    pub(crate) fn schedule_idle(&self) {
        if !self.enqueue(Urgency::Idle) {
            return;
        }
        self.state.own.words.announce_idle();
        // A callback that schedules itself would wake its own thread: of two pollers the one that
        // sleeps longer never gets to see the notification. A timer wakes that one instead.
        // Relaxed: see `poll`.
        if self.state.runner.load(Relaxed) == this_thread() && components::loop_is_own() {
            return notify::leave_to_others(self.ctx, self.state);
        }
        // A loop that sleeps for longer than 10 ms must choose its timeout anew.
        notify::notify(self.ctx, Sleepers::Long);
    }

    /// Cancels its schedule.
    pub(crate) fn cancel(&self) {
        // SAFETY: of this queue and live by the type's contract.
        unsafe { self.state.bottom_halves.cancel(self.bh) };
    }

    /// Deletes it.
    pub(crate) fn delete(&self) {
        // SAFETY: of this queue and live by the type's contract.
        unsafe { self.state.bottom_halves.delete(self.bh) };
    }
}
