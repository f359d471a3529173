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
use aio_notify::ffi::View;
use aio_notify::{argument, view};

use crate::clock::{Clock, CLOCKS};
use crate::list::{List, ListRef};
use crate::{soonest, LIBRARY};

view! {
    /// A group that lives for `'a`; its words are accessed atomically.
    pub(crate) struct GroupRef(QEMUTimerListGroup) {}
}

impl<'a> GroupRef<'a> {
    /// The word of a clock.
    pub(crate) fn word(self, clock: &Clock) -> &'a AtomicPtr<QEMUTimerList> {
        // SAFETY: within a live group, which has a word for each clock.
        let word = unsafe { &raw mut (*self.as_ptr()).tl[clock.kind as usize] };
        // SAFETY: an aligned pointer of a live group; all access it atomically.
        unsafe { AtomicPtr::from_ptr(word) }
    }

    /// The list of a clock, if there is one.
    #[inline]
    pub(crate) fn find(self, clock: &Clock) -> Option<ListRef<'a>> {
        // Acquire: pairs with the release where it is stored; else the list's members might not be
        // seen.
        let list = NonNull::new(self.word(clock).load(Acquire))?;
        // SAFETY: made by `List::create`, and not freed while the group is used.
        Some(unsafe { ListRef::new(list) })
    }

    /// The list of a clock, in a group that must have been initialised.
    #[inline]
    fn list(self, clock: &Clock, function: &str) -> ListRef<'a> {
        self.find(clock).unwrap_or_else(|| {
            LIBRARY.misuse(format_args!("{function}: the group is not initialised"))
        })
    }
}

/// Makes the group's lists, one for each clock, with `cb(opaque)` as notify callback of each. It
/// needs no `init_clocks()`.
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
    let group = argument!(LIBRARY, timerlistgroup_init(tlg): GroupRef<'_>);
    for clock in &CLOCKS {
        // Release: pairs with the acquire in `find`.
        group.word(clock).store(List::create(clock, cb, opaque), Release);
    }
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
    for clock in &CLOCKS {
        let list = group.list(clock, "timerlistgroup_deinit");
        // SAFETY: nobody else uses the group.
        unsafe { list.free("timerlistgroup_deinit") };
        group.word(clock).store(null_mut(), Release);
    }
}

/// Runs the due timers of all lists of the group, as `timerlist_run_timers()` does.
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
    let group = argument!(LIBRARY, timerlistgroup_run_timers(tlg): GroupRef<'_>);
    let run = |clock| group.list(clock, "timerlistgroup_run_timers").run();
    CLOCKS.iter().fold(false, |progress, clock| run(clock) | progress)
}

/// Looks for the group's nearest deadline. Clocks that are stopped or that do not count
/// (`qemu_clock_use_for_deadline()`) have none.
///
/// # Returns
///
/// The ns to the deadline, 0 if it has passed, -1 if there is none.
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
    let group = argument!(LIBRARY, timerlistgroup_deadline_ns(tlg): GroupRef<'_>);
    let mut nearest = -1;
    for clock in &CLOCKS {
        let list = group.list(clock, "timerlistgroup_deadline_ns");
        if clock.use_for_deadline() {
            nearest = soonest(nearest, list.deadline_ns());
        }
    }
    nearest
}
