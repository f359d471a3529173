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

/// Makes a bottom half that calls `cb(opaque)` in the loop of `ctx` when it is scheduled. It lives
/// until a poll after `qemu_bh_delete()`, or until its context is freed.
///
/// # Returns
///
/// The bottom half, not yet scheduled; never NULL.
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
/// `aio_dispatch()` call it. A bottom half that a callback schedules runs in the next call. A
/// callback may call this function: the inner call runs what the outer one has not run yet, and
/// what has been scheduled since.
///
/// # Returns
///
/// 1 if a bottom half ran that was not idle, otherwise 0.
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

/// Schedules the bottom half to run once, soon, and wakes the loop if it sleeps. The callback sees
/// everything that the caller stored before the call. A bottom half that is already scheduled still
/// runs only once, and the loop is notified again. A deleted one that is not yet freed stays
/// deleted.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, leaves `errno` unchanged, not a cancellation point on
/// Linux. A thread suspended in the call delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_schedule(bh: *mut QEMUBH) {
    argument!(LIBRARY, qemu_bh_schedule(bh): BhRef<'_>).schedule();
}

/// Schedules the bottom half to run once, within 10 ms, without counting as progress. It wakes a
/// loop that would sleep longer, and no other. A bottom half scheduled by `qemu_bh_schedule()`
/// stays urgent.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, leaves `errno` unchanged, not a cancellation point on
/// Linux. A thread suspended in the call delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_schedule_idle(bh: *mut QEMUBH) {
    argument!(LIBRARY, qemu_bh_schedule_idle(bh): BhRef<'_>).schedule_idle();
}

/// Cancels a schedule: the bottom half does not run until it is scheduled again, and may then keep
/// its earlier place. It does not wait for a callback that another thread is running. The caller
/// sees everything that was stored before the schedule that it cancels.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, leaves `errno` unchanged, not a cancellation point on
/// Linux. A thread suspended in the call delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_cancel(bh: *mut QEMUBH) {
    argument!(LIBRARY, qemu_bh_cancel(bh): BhRef<'_>).cancel();
}

/// Deletes the bottom half, which never runs again. It is freed by the next poll once no other poll
/// is under way, or with its context. Until then, other calls on it do nothing. A callback may
/// delete its own bottom half.
///
/// # Threads
///
/// Any thread and signal handlers: lock-free, leaves `errno` unchanged, not a cancellation point on
/// Linux. A thread suspended in the call delays nobody else's bottom halves.
///
/// # Safety
///
/// `bh` must not be NULL (aborts) and must come from `aio_bh_new()`; its context must live until
/// the call returns.
#[no_mangle]
pub unsafe extern "C" fn qemu_bh_delete(bh: *mut QEMUBH) {
    argument!(LIBRARY, qemu_bh_delete(bh): BhRef<'_>).delete();
}
