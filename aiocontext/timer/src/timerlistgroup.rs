//! The `timerlistgroup_*` functions: a list on each clock.

use core::ffi::c_void;
use core::ptr::{null_mut, NonNull};
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{Acquire, Release},
};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::QEMUTimerListGroup;

use crate::clock::CLOCKS;
use crate::list::List;
use crate::{misuse, not_null, soonest};

/// A word of a group.
///
/// # Safety
///
/// `tlg` points to a group that lives for `'a`; `clock` is one of [`CLOCKS`].
pub(crate) unsafe fn word<'a>(
    tlg: NonNull<QEMUTimerListGroup>,
    clock: usize,
) -> &'a AtomicPtr<QEMUTimerList> {
    // SAFETY: within a live group, by this function's contract.
    let word = unsafe { &raw mut (*tlg.as_ptr()).tl[clock] };
    // SAFETY: an aligned pointer of a live group; all access it atomically.
    unsafe { AtomicPtr::from_ptr(word) }
}

/// A list of a group, which must have been initialised.
///
/// # Safety
///
/// As for [`word`].
#[inline]
unsafe fn list(
    tlg: NonNull<QEMUTimerListGroup>,
    clock: usize,
    function: &str,
) -> NonNull<QEMUTimerList> {
    // SAFETY: the same contract.
    let word = unsafe { word(tlg, clock) };
    // Acquire: pairs with the release in `make_lists`; else the list's members might not be seen.
    match NonNull::new(word.load(Acquire)) {
        Some(list) => list,
        None => misuse(format_args!("{function}: the group is not initialised")),
    }
}

/// Makes the lists of a group.
///
/// # Safety
///
/// `tlg` points to memory for a group; `cb` may be called with `opaque`.
pub(crate) unsafe fn make_lists(
    tlg: NonNull<QEMUTimerListGroup>,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
) {
    for (i, clock) in CLOCKS.iter().enumerate() {
        // SAFETY: the same contract.
        let word = unsafe { word(tlg, i) };
        // Release: pairs with the acquire of those who use the list.
        word.store(List::create(clock, cb, opaque), Release);
    }
}

/// Makes the group's lists, one for each clock, with `cb(opaque)` as notify callback of each.
///
/// Any thread; nobody else may use `*tlg` yet. Needs no `init_clocks()`.
///
/// # Safety
///
/// `tlg` must not be NULL (aborts) and must point to memory for a group; `cb` may be called with
/// `opaque` from any thread until [`timerlistgroup_deinit`].
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_init(
    tlg: *mut QEMUTimerListGroup,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
) {
    let tlg = not_null(tlg, "timerlistgroup_init", "tlg");
    // SAFETY: the same contract.
    unsafe { make_lists(tlg, cb, opaque) };
}

/// Frees the group's lists, on which no timer may be armed (aborts). Any thread.
///
/// # Safety
///
/// `tlg` must not be NULL (aborts) and must be an initialised group that nobody else uses any more.
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_deinit(tlg: *mut QEMUTimerListGroup) {
    const NAME: &str = "timerlistgroup_deinit";
    let tlg = not_null(tlg, NAME, "tlg");
    for i in 0..CLOCKS.len() {
        // SAFETY: the same contract.
        let list = unsafe { list(tlg, i, NAME) };
        // SAFETY: the same contract.
        unsafe { List::free(list, NAME) };
        // SAFETY: the same contract.
        unsafe { word(tlg, i) }.store(null_mut(), Release);
    }
}

/// Runs the due timers of all lists of the group. Returns true if there was one. Any thread; see
/// `timerlist_run_timers()`.
///
/// # Safety
///
/// `tlg` must not be NULL (aborts) and must be an initialised group, which lives until the call
/// returns.
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_run_timers(tlg: *mut QEMUTimerListGroup) -> bool {
    const NAME: &str = "timerlistgroup_run_timers";
    let tlg = not_null(tlg, NAME, "tlg");
    let mut progress = false;
    for i in 0..CLOCKS.len() {
        // SAFETY: the same contract.
        let list = unsafe { list(tlg, i, NAME) };
        // SAFETY: the same contract.
        progress |= unsafe { List::run(list) };
    }
    progress
}

/// Returns the ns to the group's nearest deadline, -1 for never. Any thread.
///
/// Clocks that are stopped or that do not count (`qemu_clock_use_for_deadline()`) have none.
///
/// # Safety
///
/// `tlg` must not be NULL (aborts) and must be an initialised group.
#[no_mangle]
pub unsafe extern "C" fn timerlistgroup_deadline_ns(tlg: *mut QEMUTimerListGroup) -> i64 {
    const NAME: &str = "timerlistgroup_deadline_ns";
    let tlg = not_null(tlg, NAME, "tlg");
    let mut nearest = -1;
    for (i, clock) in CLOCKS.iter().enumerate() {
        // SAFETY: the same contract.
        let list = unsafe { list(tlg, i, NAME) };
        // SAFETY: the same contract.
        let list = unsafe { List::from_raw(list) };
        if clock.use_for_deadline() {
            nearest = soonest(nearest, list.deadline_ns());
        }
    }
    nearest
}
