//! `aio_bh_*` and `qemu_bh_*`.

use core::ffi::{c_int, c_void};

use aio_notify::abi::aio::QEMUBHFunc;
use aio_notify::abi::opaque::QEMUBH;
use aio_notify::abi::AioContext;
use aio_notify::argument;
use aio_notify::ffi::{ContextRef, Opaque};

use crate::bottom_half::{self, BhRef};
use crate::state::{self, Task};
use crate::{renew, LIBRARY};

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
    state.bottom_halves.add(Task { ctx, cb, opaque: Opaque(opaque) }).cast()
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
    c_int::from(bottom_half::poll(renew::entered(ctx, "aio_bh_poll")))
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
    argument!(LIBRARY, qemu_bh_schedule(bh): BhRef<'_>).schedule();
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
    argument!(LIBRARY, qemu_bh_schedule_idle(bh): BhRef<'_>).schedule_idle();
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
    argument!(LIBRARY, qemu_bh_cancel(bh): BhRef<'_>).cancel();
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
    argument!(LIBRARY, qemu_bh_delete(bh): BhRef<'_>).delete();
}
