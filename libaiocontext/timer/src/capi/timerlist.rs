//! `timerlist_*`.

use core::ffi::c_void;

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::QEMUClockType;
use aio_notify::argument;

use crate::clock::{self, AnyClockType};
use crate::timer_list::ListRef;
use crate::{clock_lists, LIBRARY};

/// Makes a list on a clock. `cb(opaque)` is called when arming a timer makes it the list's first,
/// when the clock is started, and by `timerlist_notify()`. If `cb` is NULL, the program's
/// `qemu_notify_event()` is called instead, if it has one.
///
/// # Returns
///
/// The list, never NULL.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `type` must be a clock (aborts); any thread may call `cb` with `opaque` until the list is freed.
#[no_mangle]
pub unsafe extern "C" fn timerlist_new(
    r#type: AnyClockType,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
) -> *mut QEMUTimerList {
    clock_lists::create(clock::checked(r#type, "timerlist_new"), cb, opaque)
}

/// Frees a list, on which no timer may be armed (aborts). A callback of one of the list's timers
/// may call it. Once it returns, nobody calls the list's notify callback any more.
///
/// # Threads
///
/// Any thread, while nobody else uses the list; not signal handlers.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must come from `timerlist_new()`.
#[no_mangle]
pub unsafe extern "C" fn timerlist_free(timer_list: *mut QEMUTimerList) {
    let list = argument!(LIBRARY, timerlist_free(timer_list): ListRef<'_>);
    // SAFETY: the same contract.
    unsafe { clock_lists::free(list, "timerlist_free") };
}

/// Checks whether a timer is armed on the list.
///
/// # Returns
///
/// True if a timer is armed.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_has_timers(timer_list: *mut QEMUTimerList) -> bool {
    argument!(LIBRARY, timerlist_has_timers(timer_list): ListRef<'_>).first().is_some()
}

/// Checks whether a timer of the list is due by its clock's time, even while the clock is stopped.
///
/// # Returns
///
/// True if a timer is due.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_expired(timer_list: *mut QEMUTimerList) -> bool {
    argument!(LIBRARY, timerlist_expired(timer_list): ListRef<'_>).has_due()
}

/// Finds the list's first deadline.
///
/// # Returns
///
/// The ns to the deadline, 0 if it has passed, or -1 if there is none or the clock is stopped.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_deadline_ns(timer_list: *mut QEMUTimerList) -> i64 {
    argument!(LIBRARY, timerlist_deadline_ns(timer_list): ListRef<'_>).deadline_ns()
}

/// Returns the list's clock.
///
/// # Returns
///
/// The clock.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_get_clock(timer_list: *mut QEMUTimerList) -> QEMUClockType {
    argument!(LIBRARY, timerlist_get_clock(timer_list): ListRef<'_>).clock_type()
}

/// Runs the timers that are due at the time of the call, in the order of their deadlines; does
/// nothing while the clock is stopped. It holds nothing while a callback runs. Callbacks may arm,
/// disarm and free timers, including their own, and free the list. A timer that a callback arms for
/// a time that has passed runs in the same call.
///
/// # Returns
///
/// True if a timer ran.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_run_timers(timer_list: *mut QEMUTimerList) -> bool {
    argument!(LIBRARY, timerlist_run_timers(timer_list): ListRef<'_>).run()
}

/// Calls the list's notify callback.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `timer_list` must not be NULL (aborts) and must be a list.
#[no_mangle]
pub unsafe extern "C" fn timerlist_notify(timer_list: *mut QEMUTimerList) {
    argument!(LIBRARY, timerlist_notify(timer_list): ListRef<'_>).notify();
}
