//! Bottom halves: callbacks that run in a context's loop.

use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::aio::QEMUBHFunc;
use aio_notify::abi::opaque::QEMUBH;
use aio_notify::abi::AioContext;
use aio_notify::argument;
use aio_notify::ffi::{ContextRef, View};
use aio_notify::protocol::coalescing::Sleepers;

use crate::queue::Urgency;
use crate::state::{self, Bh, State, Task};
use crate::{notify, ours, LIBRARY};

/// Makes a bottom half that will call `cb(opaque)` in the loop of `ctx`. It lives until a poll
/// after `qemu_bh_delete()`, or until its context is freed.
///
/// # Returns
///
/// The bottom half, not scheduled; never NULL.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL, must come from `aio_context_new()`, and `cb` must not be NULL (aborts);
/// the loop's thread may call `cb(opaque)` whenever the bottom half is scheduled.
#[no_mangle]
pub unsafe extern "C" fn aio_bh_new(
    ctx: *mut AioContext,
    cb: QEMUBHFunc,
    opaque: *mut c_void,
) -> *mut QEMUBH {
    // Outlives its bottom halves.
    let ctx = argument!(LIBRARY, aio_bh_new(ctx): ContextRef<'static>);
    let state = state::of(ctx, "aio_bh_new");
    let cb = cb.unwrap_or_else(|| LIBRARY.null("aio_bh_new", "cb"));
    state.bottom_halves.add(Task { ctx, cb, opaque }).cast()
}

/// Runs the scheduled bottom halves in the order in which they were scheduled; `aio_poll()` and
/// `aio_dispatch()` call it. One that a callback schedules runs in the next call. A callback may
/// call this function: the inner call runs what the outer has not run yet, and what has been
/// scheduled since.
///
/// # Returns
///
/// 1 if a bottom half ran that was not idle, else 0.
///
/// # Threads
///
/// Threads that run the loop; several at once share the work. Not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL, must come from `aio_context_new()` (aborts), and must live until the
/// call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_bh_poll(ctx: *mut AioContext) -> c_int {
    let ctx = argument!(LIBRARY, aio_bh_poll(ctx): ContextRef<'_>);
    let state = state::entered(ctx, "aio_bh_poll");
    let queue = &state.bottom_halves;
    let mut progress = 0;
    if let Some(pass) = queue.begin() {
        // Relaxed, here and below: a thread finds its own name only if it has written it itself.
        let is_runner = state.runner.compare_exchange(0, this_thread(), Relaxed, Relaxed).is_ok();
        while let Some(turn) = queue.take_turn(pass) {
            if turn.urgency == Urgency::Now {
                progress = 1;
            }
            let Task { cb, opaque, .. } = turn.task;
            // SAFETY: the program's callback, as `aio_bh_new` was told; nothing is held, and the
            // bottom half is not looked at again.
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
    // SAFETY: takes nothing and cannot fail.
    (unsafe { libc::pthread_self() }) as usize
}

/// A bottom half that has not been freed, and its context.
struct BhRef<'a> {
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
    #[inline]
    fn schedule(&self, urgency: Urgency) -> bool {
        // SAFETY: of this queue and live by the type's contract.
        unsafe { self.state.bottom_halves.schedule(self.bh, urgency) }
    }
}

/// Schedules the bottom half to run once, soon, and wakes the loop if it sleeps. What the caller
/// wrote before is visible to the callback. One that is already scheduled still runs once, and the
/// loop is notified again. One that has been deleted and not yet freed stays deleted.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, `errno` unchanged, no cancellation point on Linux. A
/// thread that is suspended there delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_schedule(bh: *mut QEMUBH) {
    let bh = argument!(LIBRARY, qemu_bh_schedule(bh): BhRef<'_>);
    if bh.schedule(Urgency::Now) {
        notify::notify(bh.ctx, Sleepers::All);
    }
}

/// Schedules the bottom half to run once, within 10 ms, without counting as progress. Wakes a loop
/// that would sleep for longer, and leaves others asleep. One that `qemu_bh_schedule()` has
/// scheduled stays urgent.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, `errno` unchanged, no cancellation point on Linux. A
/// thread that is suspended there delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_schedule_idle(bh: *mut QEMUBH) {
    let bh = argument!(LIBRARY, qemu_bh_schedule_idle(bh): BhRef<'_>);
    if bh.schedule(Urgency::Idle) {
        let (ctx, state) = (bh.ctx, bh.state);
        state.own.words.announce_idle();
        // A callback that schedules itself would wake its own thread: of two pollers the one that
        // sleeps longer never gets to see the notification. A timer wakes that one instead.
        // Relaxed: see `aio_bh_poll`.
        if state.runner.load(Relaxed) == this_thread() && ours::the_loop() {
            return notify::leave_to_others(ctx, state);
        }
        // A loop that sleeps for longer than 10 ms must choose its timeout anew.
        notify::notify(ctx, Sleepers::Long);
    }
}

/// Takes a schedule back: the bottom half does not run until it is scheduled again, and may then
/// keep its earlier place. A callback that another thread runs is not waited for. What was written
/// before the schedule that this takes back is visible to the caller.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, `errno` unchanged, no cancellation point on Linux. A
/// thread that is suspended there delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_cancel(bh: *mut QEMUBH) {
    let bh = argument!(LIBRARY, qemu_bh_cancel(bh): BhRef<'_>);
    // SAFETY: of this queue and live by this function's contract.
    unsafe { bh.state.bottom_halves.cancel(bh.bh) };
}

/// Deletes the bottom half: it never runs again, and is freed by the next poll once no other poll
/// is under way, or with its context. A callback may delete its own. Until it is freed, other calls
/// for it do nothing.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, `errno` unchanged, no cancellation point on Linux. A
/// thread that is suspended there delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_delete(bh: *mut QEMUBH) {
    let bh = argument!(LIBRARY, qemu_bh_delete(bh): BhRef<'_>);
    // SAFETY: of this queue and live by this function's contract.
    unsafe { bh.state.bottom_halves.delete(bh.bh) };
}
