//! A group: a list on each clock.

use core::ffi::c_void;
use core::ptr::{null_mut, NonNull};
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{Acquire, Relaxed, Release},
};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::QEMUTimerListGroup;
use aio_notify::ffi::View;
use aio_notify::view;

use crate::clock::{Clock, CLOCKS};
use crate::timeout::soonest;
use crate::timer_list::ListRef;
use crate::{clock_lists, LIBRARY};

view! {
    /// A group that lives for `'a`; its words are accessed atomically.
    pub(crate) struct GroupRef(QEMUTimerListGroup) {}
}

impl<'a> GroupRef<'a> {
    /// The word of a clock.
    fn word(self, clock: &Clock) -> &'a AtomicPtr<QEMUTimerList> {
        // SAFETY: within a live group, which has a word for each clock.
        let word = unsafe { &raw mut (*self.as_ptr()).tl[clock.kind as usize] };
        // SAFETY: an aligned pointer of a live group; all access it atomically.
        unsafe { AtomicPtr::from_ptr(word) }
    }

    /// The list of a clock, if there is one.
    #[inline]
    pub(crate) fn find(self, clock: &Clock) -> Option<ListRef<'a>> {
        // Acquire: pairs with the release where it is stored. Without it the list's members might
        // not be seen.
        let list = NonNull::new(self.word(clock).load(Acquire))?;
        // SAFETY: made by `clock_lists::create`, and not freed while the group is used.
        Some(unsafe { ListRef::new(list) })
    }

    /// The list of a clock, in a group that must have been initialised.
    #[inline]
    fn list(self, clock: &Clock, function: &str) -> ListRef<'a> {
        self.find(clock).unwrap_or_else(|| {
            LIBRARY.misuse(format_args!("{function}: the group is not initialised"))
        })
    }

    /// Makes the lists, with `cb(opaque)` as notify callback of each.
    pub(crate) fn make_lists(self, cb: QEMUTimerListNotifyCB, opaque: *mut c_void) {
        for clock in &CLOCKS {
            // Release: pairs with the acquire in `find`.
            self.word(clock).store(clock_lists::create(clock, cb, opaque), Release);
        }
    }

    /// Makes the lists that are not there. They have no callback: they notify the program's main loop.
    pub(crate) fn make_missing_lists(self) {
        for clock in &CLOCKS {
            let word = self.word(clock);
            // Relaxed: only compared with NULL.
            if word.load(Relaxed).is_null() {
                // Release: pairs with the acquire in `find`. Without it the list's members might not
                // be seen.
                word.store(clock_lists::create(clock, None, null_mut()), Release);
            }
        }
    }

    /// Frees the lists; `function` is what the program has called, as below.
    ///
    /// # Safety
    ///
    /// Nobody else uses the group.
    pub(crate) unsafe fn free_lists(self, function: &str) {
        for clock in &CLOCKS {
            // SAFETY: by this function's contract.
            unsafe { clock_lists::free(self.list(clock, function), function) };
            self.word(clock).store(null_mut(), Release);
        }
    }

    /// Runs the due timers of all lists; returns whether one ran.
    #[inline]
    pub(crate) fn run(self, function: &str) -> bool {
        let run = |clock| self.list(clock, function).run();
        CLOCKS.iter().fold(false, |progress, clock| run(clock) | progress)
    }

    /// ns to the nearest deadline that counts, -1 for never.
    #[inline]
    pub(crate) fn deadline_ns(self, function: &str) -> i64 {
        let mut nearest = -1;
        for clock in &CLOCKS {
            let list = self.list(clock, function);
            if clock.use_for_deadline() {
                nearest = soonest(nearest, list.deadline_ns());
            }
        }
        nearest
    }
}
