//! `timerlistgroup_*`.

use core::ffi::c_void;

use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::QEMUTimerListGroup;
use aio_notify::argument;

use crate::list_group::GroupRef;
use crate::LIBRARY;

/// Makes the group's lists, one for each clock, each with `cb(opaque)` as its notify callback. It
/// does not need `init_clocks()`.
///
/// # Threads
///
/// Any thread, while nobody else uses the group; not signal handlers.
///
/// # Safety
///
/// `tlg` must not be NULL (aborts) and must point to memory for a group; any thread may call `cb`
/// with `opaque` until `timerlistgroup_deinit()`.
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_init(
    tlg: *mut QEMUTimerListGroup,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
) {
    argument!(LIBRARY, timerlistgroup_init(tlg): GroupRef<'_>).make_lists(cb, opaque);
}

/// Frees the group's lists, on which no timer may be armed (aborts).
///
/// # Threads
///
/// Any thread, while nobody else uses the group; not signal handlers.
///
/// # Safety
///
/// `tlg` must not be NULL (aborts) and must be an initialised group.
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_deinit(tlg: *mut QEMUTimerListGroup) {
    let group = argument!(LIBRARY, timerlistgroup_deinit(tlg): GroupRef<'_>);
    // SAFETY: nobody else uses the group.
    unsafe { group.free_lists("timerlistgroup_deinit") };
}

/// Runs the due timers on all lists of the group, like `timerlist_run_timers()`.
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
/// `tlg` must not be NULL (aborts) and must be an initialised group, which lives until the call
/// returns.
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_run_timers(tlg: *mut QEMUTimerListGroup) -> bool {
    argument!(LIBRARY, timerlistgroup_run_timers(tlg): GroupRef<'_>)
        .run("timerlistgroup_run_timers")
}

/// Finds the group's nearest deadline. Clocks that are stopped, or that do not count
/// (`qemu_clock_use_for_deadline()`), have none.
///
/// # Returns
///
/// The ns to the deadline, 0 if it has passed, or -1 if there is none.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `tlg` must not be NULL (aborts) and must be an initialised group.
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_deadline_ns(tlg: *mut QEMUTimerListGroup) -> i64 {
    argument!(LIBRARY, timerlistgroup_deadline_ns(tlg): GroupRef<'_>)
        .deadline_ns("timerlistgroup_deadline_ns")
}
