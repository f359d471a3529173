//! The `timerlist_*` functions.

use core::ffi::{c_uint, c_void};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::QEMUClockType;

use crate::clock;
use crate::list::List;
use crate::not_null;

/// The list behind an argument, after the check that it is not NULL.
///
/// # Safety
///
/// `timer_list` is NULL (aborts) or a list that is not freed before `'a` ends.
#[inline]
unsafe fn checked<'a>(timer_list: *mut QEMUTimerList, function: &str) -> &'a List {
    let list = not_null(timer_list, function, "timer_list");
    // SAFETY: the same contract.
    unsafe { List::from_raw(list) }
}

/// Makes a list on a clock; `cb(opaque)` is called when a timer is armed that is its first, and
/// when the clock is started. Without `cb` the program's `qemu_notify_event()` is called.
///
/// Any thread. Aborts if `type` is no clock.
///
/// # Safety
///
/// `cb` may be called with `opaque` from any thread until the list is freed.
#[no_mangle]
pub unsafe extern "C" fn timerlist_new(
    r#type: c_uint,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
) -> *mut QEMUTimerList {
    List::create(clock::checked(r#type, "timerlist_new"), cb, opaque)
}

/// Frees a list, on which no timer may be armed (aborts).
///
/// Any thread, also a callback of a timer of the list; nobody else may use the list any more. When
/// it returns, nobody calls the list's notify callback any more.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must come from [`timerlist_new`].
#[no_mangle]
pub unsafe extern "C" fn timerlist_free(timer_list: *mut QEMUTimerList) {
    let list = not_null(timer_list, "timerlist_free", "timer_list");
    // SAFETY: the same contract.
    unsafe { List::free(list, "timerlist_free") };
}

/// Returns true if a timer is armed on the list. Any thread.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_has_timers(timer_list: *mut QEMUTimerList) -> bool {
    // SAFETY: the same contract.
    unsafe { checked(timer_list, "timerlist_has_timers") }.first().is_some()
}

/// Returns true if a timer of the list is due by its clock's time, whether or not the clock runs.
/// Any thread.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_expired(timer_list: *mut QEMUTimerList) -> bool {
    // SAFETY: the same contract.
    unsafe { checked(timer_list, "timerlist_expired") }.has_due()
}

/// Returns the ns to the list's first deadline: 0 if that is past, -1 for never, as where the clock
/// is stopped. Any thread.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_deadline_ns(timer_list: *mut QEMUTimerList) -> i64 {
    // SAFETY: the same contract.
    unsafe { checked(timer_list, "timerlist_deadline_ns") }.deadline_ns()
}

/// Returns the list's clock. Any thread.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_get_clock(timer_list: *mut QEMUTimerList) -> QEMUClockType {
    // SAFETY: the same contract.
    unsafe { checked(timer_list, "timerlist_get_clock") }.clock_type()
}

/// Runs the timers that are due by the time at the call, in the order of their deadlines. Returns
/// true if there was one; does nothing while the clock is stopped.
///
/// Callbacks are called with nothing held. They may arm, disarm and free timers, their own
/// included; one that is armed for a time that is past already runs in the same call. Any thread.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list, which a callback may free.
#[no_mangle]
pub unsafe extern "C" fn timerlist_run_timers(timer_list: *mut QEMUTimerList) -> bool {
    let list = not_null(timer_list, "timerlist_run_timers", "timer_list");
    // SAFETY: the same contract.
    unsafe { List::run(list) }
}

/// Calls the list's notify callback. Any thread.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_notify(timer_list: *mut QEMUTimerList) {
    // SAFETY: the same contract.
    unsafe { checked(timer_list, "timerlist_notify") }.notify();
}
