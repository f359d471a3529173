//! Bottom halves: callbacks that run in a context's loop.

use core::ffi::{c_int, c_void};
use core::ptr::NonNull;

use aio_notify::abi::aio::QEMUBHFunc;
use aio_notify::abi::opaque::QEMUBH;
use aio_notify::abi::AioContext;
use aio_notify::shared::check::{not_null, null};

use crate::queue::Urgency;
use crate::state::{self, Bh, State, Task};
use crate::{notify, LIBRARY};

/// Makes a bottom half that will call `cb(opaque)` in the loop of `ctx`. Any thread; not from
/// signal handlers.
///
/// Returns it, not scheduled. It lives until a poll after `qemu_bh_delete()`, or until its context
/// is freed.
///
/// # Safety
///
/// `ctx` must not be NULL, must come from `aio_context_new()` and `cb` must not be NULL (aborts);
/// the loop's thread may call `cb(opaque)` whenever the bottom half is scheduled.
#[no_mangle]
pub unsafe extern "C" fn aio_bh_new(
    ctx: *mut AioContext,
    cb: QEMUBHFunc,
    opaque: *mut c_void,
) -> *mut QEMUBH {
    // SAFETY: NULL or a live context by this function's contract.
    let state = unsafe { state::of(ctx, "aio_bh_new") };
    let ctx = not_null(LIBRARY, ctx, "aio_bh_new", "ctx");
    let cb = cb.unwrap_or_else(|| null(LIBRARY, "aio_bh_new", "cb"));
    state.bottom_halves.add(Task { ctx, cb, opaque }).cast()
}

/// Runs the bottom halves that are scheduled, in the order in which they were scheduled. One that
/// is scheduled by a callback runs at the next call.
///
/// Returns 1 if one ran that was not idle, else 0. A callback may call this function: that runs
/// what the outer call has not run yet, and what has been scheduled since.
///
/// The loop's thread; also several at once, which share the work.
///
/// # Safety
///
/// `ctx` must not be NULL, must come from `aio_context_new()` (aborts), and must live until the
/// call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_bh_poll(ctx: *mut AioContext) -> c_int {
    // SAFETY: NULL or a live context by this function's contract.
    let queue = &unsafe { state::of(ctx, "aio_bh_poll") }.bottom_halves;
    let mut progress = 0;
    if let Some(pass) = queue.begin() {
        while let Some(turn) = queue.take_turn(pass) {
            if turn.urgency == Urgency::Now {
                progress = 1;
            }
            let Task { cb, opaque, .. } = turn.task;
            // SAFETY: the program's callback, as `aio_bh_new` was told; nothing is held, and the
            // bottom half is not looked at again.
            unsafe { cb(opaque) };
        }
    }
    progress
}

/// The bottom half and the state of its context. Aborts, naming the function, if it is NULL.
///
/// # Safety
///
/// `bh` is NULL or a bottom half that has not been freed; its context lives for `'a`.
#[inline]
unsafe fn checked<'a>(
    bh: *mut QEMUBH,
    function: &str,
) -> (*mut Bh, NonNull<AioContext>, &'a State) {
    let bh = not_null(LIBRARY, bh, function, "bh").as_ptr().cast::<Bh>();
    // SAFETY: a live bottom half by this function's contract.
    let ctx = unsafe { (*bh).task() }.ctx;
    // SAFETY: its context is live by this function's contract.
    let state = unsafe { state::of(ctx.as_ptr(), function) };
    (bh, ctx, state)
}

/// Has the bottom half run once, soon: what was written before is visible to its callback. Does
/// nothing if it is scheduled already, but for that, or if it has been deleted and not yet freed.
///
/// Any thread and signal handlers: no lock (lock-free), no allocation, `errno` unchanged.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_schedule(bh: *mut QEMUBH) {
    // SAFETY: NULL or live by this function's contract.
    let (bh, ctx, state) = unsafe { checked(bh, "qemu_bh_schedule") };
    // SAFETY: of this queue and live by this function's contract.
    if unsafe { state.bottom_halves.schedule(bh, Urgency::Now) } {
        // SAFETY: live by this function's contract.
        unsafe { notify::notify(ctx) };
    }
}

/// Has the bottom half run once, within 10 ms, without counting as progress. One that is scheduled
/// already runs as it would have.
///
/// Any thread and signal handlers, as `qemu_bh_schedule()`.
///
/// # Safety
///
/// As for `qemu_bh_schedule()`.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_schedule_idle(bh: *mut QEMUBH) {
    // SAFETY: NULL or live by this function's contract.
    let (bh, ctx, state) = unsafe { checked(bh, "qemu_bh_schedule_idle") };
    // SAFETY: of this queue and live by this function's contract.
    if unsafe { state.bottom_halves.schedule(bh, Urgency::Idle) } {
        // A loop that sleeps for longer than 10 ms must choose its timeout anew.
        // SAFETY: live by this function's contract.
        unsafe { notify::notify(ctx) };
    }
}

/// Takes a schedule back: the bottom half does not run until it is scheduled again. From another
/// thread than the loop's, the callback may be running.
///
/// What was written before the schedule that this takes back is visible to the caller. Any thread
/// and signal handlers; lock-free.
///
/// # Safety
///
/// As for `qemu_bh_schedule()`.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_cancel(bh: *mut QEMUBH) {
    // SAFETY: NULL or live by this function's contract.
    let (bh, _, state) = unsafe { checked(bh, "qemu_bh_cancel") };
    // SAFETY: of this queue and live by this function's contract.
    unsafe { state.bottom_halves.cancel(bh) };
}

/// Has the bottom half never run again, and freed by the next poll, at its end and not while
/// another is under way; or with its context. A callback may delete its own bottom half.
///
/// Any thread and signal handlers. Until it is freed, another call for it does nothing.
///
/// # Safety
///
/// As for `qemu_bh_schedule()`.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_delete(bh: *mut QEMUBH) {
    // SAFETY: NULL or live by this function's contract.
    let (bh, _, state) = unsafe { checked(bh, "qemu_bh_delete") };
    // SAFETY: of this queue and live by this function's contract.
    unsafe { state.bottom_halves.delete(bh) };
}
