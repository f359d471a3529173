//! The `timer_*` functions.

use core::ffi::{c_int, c_void};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerCB;
use aio_notify::abi::QEMUTimer;

use crate::timer_ref::TimerRef;
use crate::{misuse, not_null};

/// The timer behind an argument, after the check that it is not NULL.
///
/// # Safety
///
/// `ts` is NULL (aborts) or points to a timer as [`TimerRef`] describes it.
#[inline]
unsafe fn checked(ts: *mut QEMUTimer, function: &str, argument: &str) -> TimerRef {
    let ts = not_null(ts, function, argument);
    // SAFETY: the same contract.
    unsafe { TimerRef::new(ts) }
}

/// Initialises a timer on a list; `scale` is the ns in the unit of [`timer_mod`].
///
/// The memory is the caller's; what was in it is not looked at, so the timer must not be armed.
/// Any thread; nobody else may use `*ts` yet.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to memory for a QEMUTimer, which lives while the
/// timer is armed; `timer_list` is a list that is not freed while the timer is used; `cb` may be
/// called with `opaque` by the thread that runs the list's timers.
#[no_mangle]
pub unsafe extern "C" fn timer_init_tl(
    ts: *mut QEMUTimer,
    timer_list: *mut QEMUTimerList,
    scale: c_int,
    cb: QEMUTimerCB,
    opaque: *mut c_void,
) {
    // SAFETY: memory that nobody else uses yet.
    let timer = unsafe { checked(ts, "timer_init_tl", "ts") };
    timer.init(timer_list, scale, cb, opaque);
}

/// Ends the use of a timer, which must not be armed (aborts).
///
/// Any thread; nobody else may use `*ts` any more.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_deinit(ts: *mut QEMUTimer) {
    // SAFETY: the same contract.
    let timer = unsafe { checked(ts, "timer_deinit", "ts") };
    if timer.is_armed() {
        misuse(format_args!("timer_deinit: the timer is armed"));
    }
    timer.leave_list();
}

/// Frees a timer that `timer_new()` or a function like it made, disarming it first; NULL is fine.
///
/// Any thread, also the timer's own callback; nobody else may use `*ts` any more.
///
/// # Safety
///
/// `ts` is NULL or a timer in memory from `g_malloc0()`.
#[no_mangle]
pub unsafe extern "C" fn timer_free(ts: *mut QEMUTimer) {
    if ts.is_null() {
        return;
    }
    // SAFETY: the same contract.
    disarm(unsafe { checked(ts, "timer_free", "ts") }, "timer_free");
    // SAFETY: from `g_malloc0()`, which is the system's malloc (since GLib 2.46).
    unsafe { libc::free(ts.cast()) };
}

#[inline]
fn disarm(timer: TimerRef, function: &str) {
    // A timer that is not armed costs no lock. It is not in the list then, nor does the list still
    // access it.
    if timer.is_armed() {
        if let Some(list) = timer.list() {
            list.disarm(timer, function);
        }
    }
}

/// Disarms a timer. Does nothing if it is not armed.
///
/// Does not wait for the timer's callback where that runs already. Any thread.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_del(ts: *mut QEMUTimer) {
    // SAFETY: the same contract.
    disarm(unsafe { checked(ts, "timer_del", "ts") }, "timer_del");
}

#[inline]
fn arm(timer: TimerRef, deadline: i64, only_forward: bool, function: &str) {
    if timer.callback().0.is_none() {
        misuse(format_args!("{function}: the timer has no callback"));
    }
    match timer.list() {
        Some(list) => list.arm(timer, deadline, only_forward, function),
        None => misuse(format_args!(
            "{function}: the timer has no list; init_clocks() makes those of the main loop"
        )),
    }
}

/// A time in ns. What is too large for one stays in the far future.
#[inline]
fn scaled(timer: TimerRef, time: i64) -> i64 {
    time.saturating_mul(timer.scale())
}

/// Arms a timer for `expire_time` ns on its list's clock; moves it if it is armed.
///
/// A time in the past is due at once, a negative one counts as 0. Timers for the same time run in
/// the order in which they were armed. If the timer is the first of its list, the list's notify
/// callback is called. Any thread.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to a timer that was initialised with a list and a
/// callback (aborts).
#[no_mangle]
pub unsafe extern "C" fn timer_mod_ns(ts: *mut QEMUTimer, expire_time: i64) {
    // SAFETY: the same contract.
    let timer = unsafe { checked(ts, "timer_mod_ns", "ts") };
    arm(timer, expire_time, false, "timer_mod_ns");
}

/// Arms a timer for `expire_time` ns as [`timer_mod_ns`] does, unless it is armed for that time or
/// an earlier one. Any thread.
///
/// # Safety
///
/// As for [`timer_mod_ns`].
#[no_mangle]
pub unsafe extern "C" fn timer_mod_anticipate_ns(ts: *mut QEMUTimer, expire_time: i64) {
    // SAFETY: the same contract.
    let timer = unsafe { checked(ts, "timer_mod_anticipate_ns", "ts") };
    arm(timer, expire_time, true, "timer_mod_anticipate_ns");
}

/// Arms a timer as [`timer_mod_ns`] does, for a time in units of the timer's scale. Any thread.
///
/// # Safety
///
/// As for [`timer_mod_ns`].
#[no_mangle]
pub unsafe extern "C" fn timer_mod(ts: *mut QEMUTimer, expire_time: i64) {
    // SAFETY: the same contract.
    let timer = unsafe { checked(ts, "timer_mod", "ts") };
    arm(timer, scaled(timer, expire_time), false, "timer_mod");
}

/// Arms a timer as [`timer_mod_anticipate_ns`] does, for a time in units of the timer's scale. Any
/// thread.
///
/// # Safety
///
/// As for [`timer_mod_ns`].
#[no_mangle]
pub unsafe extern "C" fn timer_mod_anticipate(ts: *mut QEMUTimer, expire_time: i64) {
    // SAFETY: the same contract.
    let timer = unsafe { checked(ts, "timer_mod_anticipate", "ts") };
    arm(timer, scaled(timer, expire_time), true, "timer_mod_anticipate");
}

/// Returns true if the timer is armed. Any thread.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_pending(ts: *mut QEMUTimer) -> bool {
    // SAFETY: the same contract.
    unsafe { checked(ts, "timer_pending", "ts") }.is_armed()
}

fn deadline(timer: TimerRef) -> i64 {
    match timer.list() {
        Some(list) if timer.is_armed() => list.deadline_of(timer),
        _ => -1,
    }
}

/// Returns true if the timer's deadline is not after `current_time`, in units of its scale; so also
/// for a timer that has run, or is not armed. Any thread.
///
/// # Safety
///
/// `timer_head` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
pub unsafe extern "C" fn timer_expired(timer_head: *mut QEMUTimer, current_time: i64) -> bool {
    // SAFETY: the same contract.
    let timer = unsafe { checked(timer_head, "timer_expired", "timer_head") };
    deadline(timer) <= scaled(timer, current_time)
}

/// Returns the timer's deadline in ns, `UINT64_MAX` while it is not armed. Any thread.
///
/// # Safety
///
/// `ts` must not be NULL (aborts) and must point to an initialised timer.
#[no_mangle]
#[allow(clippy::cast_sign_loss)] // -1 becomes the largest.
pub unsafe extern "C" fn timer_expire_time_ns(ts: *mut QEMUTimer) -> u64 {
    // SAFETY: the same contract.
    deadline(unsafe { checked(ts, "timer_expire_time_ns", "ts") }) as u64
}
