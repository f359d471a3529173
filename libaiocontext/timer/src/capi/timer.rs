//! `timer_*`.

use core::ffi::{c_int, c_void};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerCB;
use aio_notify::abi::QEMUTimer;
use aio_notify::argument;

use crate::timer::{arm, deadline, disarm, scaled};
use crate::timer_ref::TimerRef;
use crate::LIBRARY;

/// Initialises a timer on a list. `scale` is the number of ns in the unit in which `timer_mod()`
/// takes times. The caller owns the memory. Its previous contents are ignored, so the timer must
/// not be armed.
///
/// # Threads
///
/// Any thread, while nobody else uses the timer; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to memory for a QEMUTimer, which lives while the
/// timer is armed. `timer_list` must be a list that is not freed while the timer is used. The
/// thread that runs the list's timers may call `cb` with `opaque`.
#[no_mangle]
pub unsafe extern "C" fn timer_init_tl(
    ts: *mut QEMUTimer,
    timer_list: *mut QEMUTimerList,
    scale: c_int,
    cb: QEMUTimerCB,
    opaque: *mut c_void,
) {
    let timer = argument!(LIBRARY, timer_init_tl(ts): TimerRef<'_>);
    timer.init(timer_list, scale, cb, opaque);
}

/// Ends the use of a timer, which must not be armed (aborts).
///
/// # Threads
///
/// Any thread, while nobody else uses the timer; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_deinit(ts: *mut QEMUTimer) {
    let timer = argument!(LIBRARY, timer_deinit(ts): TimerRef<'_>);
    if timer.is_armed() {
        LIBRARY.misuse(format_args!("timer_deinit: the timer is armed"));
    }
    timer.leave_list();
}

/// Disarms and frees a timer made by `timer_new()` or a similar function; NULL does nothing. The
/// timer's own callback may call it.
///
/// # Threads
///
/// Any thread, while nobody else uses the timer; not signal handlers. A thread that frees a timer
/// must know that its callback is not running in another thread, for example by holding the context's lock.
///
/// # Safety
///
/// `ts` must be NULL or a timer in memory from `g_malloc0()`.
#[no_mangle]
pub unsafe extern "C" fn timer_free(ts: *mut QEMUTimer) {
    if ts.is_null() {
        return;
    }
    disarm(argument!(LIBRARY, timer_free(ts): TimerRef<'_>), "timer_free");
    // SAFETY: from `g_malloc0()`, which is the system's malloc (since GLib 2.46).
    unsafe { libc::free(ts.cast()) };
}

/// Disarms a timer; does nothing if it is not armed. It does not wait for a callback that is
/// already running.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_del(ts: *mut QEMUTimer) {
    disarm(argument!(LIBRARY, timer_del(ts): TimerRef<'_>), "timer_del");
}

/// Arms a timer for `expire_time`, in ns on its clock, or moves it if it is already armed. A time
/// in the past is due at once; a negative time counts as 0. Timers for the same time run in the
/// order in which they were armed. If the timer becomes the first of its list, the call runs the
/// list's notify callback, which wakes the loop.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL and must point to a timer that was initialised with a list and a callback
/// (aborts).
#[no_mangle]
pub unsafe extern "C" fn timer_mod_ns(ts: *mut QEMUTimer, expire_time: i64) {
    let timer = argument!(LIBRARY, timer_mod_ns(ts): TimerRef<'static>);
    arm(timer, expire_time, false, "timer_mod_ns");
}

/// Arms a timer like `timer_mod_ns()`, unless it is already armed for that time or an earlier one.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL and must point to a timer that was initialised with a list and a callback
/// (aborts).
#[no_mangle]
pub unsafe extern "C" fn timer_mod_anticipate_ns(ts: *mut QEMUTimer, expire_time: i64) {
    let timer = argument!(LIBRARY, timer_mod_anticipate_ns(ts): TimerRef<'static>);
    arm(timer, expire_time, true, "timer_mod_anticipate_ns");
}

/// Arms a timer like `timer_mod_ns()`, for a time in units of its scale.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL and must point to a timer that was initialised with a list and a callback
/// (aborts).
#[no_mangle]
pub unsafe extern "C" fn timer_mod(ts: *mut QEMUTimer, expire_time: i64) {
    let timer = argument!(LIBRARY, timer_mod(ts): TimerRef<'static>);
    arm(timer, scaled(timer, expire_time), false, "timer_mod");
}

/// Arms a timer like `timer_mod_anticipate_ns()`, for a time in units of its scale.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL and must point to a timer that was initialised with a list and a callback
/// (aborts).
#[no_mangle]
pub unsafe extern "C" fn timer_mod_anticipate(ts: *mut QEMUTimer, expire_time: i64) {
    let timer = argument!(LIBRARY, timer_mod_anticipate(ts): TimerRef<'static>);
    arm(timer, scaled(timer, expire_time), true, "timer_mod_anticipate");
}

/// Checks whether the timer is armed.
///
/// # Returns
///
/// True if it is armed.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_pending(ts: *mut QEMUTimer) -> bool {
    argument!(LIBRARY, timer_pending(ts): TimerRef<'_>).is_armed()
}

/// Checks whether the timer's deadline is `current_time` or earlier, in units of its scale. A timer that is not
/// armed counts as expired.
///
/// # Returns
///
/// True if the timer is due, has run, or is not armed; false for NULL, which is never due.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must be NULL or point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_expired(ts: *mut QEMUTimer, current_time: i64) -> bool {
    if ts.is_null() {
        return false;
    }
    let timer = argument!(LIBRARY, timer_expired(ts): TimerRef<'_>);
    deadline(timer) <= scaled(timer, current_time)
}

/// Returns the timer's deadline.
///
/// # Returns
///
/// The deadline in ns on the timer's clock, or `UINT64_MAX` if the timer is not armed.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
#[allow(clippy::cast_sign_loss)] // -1 becomes the largest.
pub unsafe extern "C" fn timer_expire_time_ns(ts: *mut QEMUTimer) -> u64 {
    deadline(argument!(LIBRARY, timer_expire_time_ns(ts): TimerRef<'_>)) as u64
}
