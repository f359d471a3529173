//! The lists of each clock, and what concerns them all: starting, stopping and notifying a clock.

use core::ffi::c_void;
use core::ptr::NonNull;
use std::sync::Arc;

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aiocontext_fork::{Chain, ForkMutex};

use crate::clock::{Clock, CLOCKS};
use crate::running_threads::Within;
use crate::timeout::soonest;
use crate::timer_list::{counted, List, ListRef};
use crate::LIBRARY;

/// The lists of a clock; each has a count of its [`Arc`] here. A child finds them whole, whatever other
/// threads were doing.
type Lists = ForkMutex<Chain<List>>;

fn lists_of(clock: &Clock) -> &'static Lists {
    static LISTS: [Lists; CLOCKS.len()] = [const { ForkMutex::new(Chain::new()) }; CLOCKS.len()];
    &LISTS[clock.kind as usize]
}

/// All lists of a clock.
fn all(clock: &Clock) -> Vec<Arc<List>> {
    let chain = lists_of(clock).lock_chain();
    // SAFETY: a list has a count while it is in the chain.
    chain.iter().map(|list| unsafe { counted(list.as_ptr()) }).collect()
}

/// Makes a list of the clock's; `cb(opaque)` is called when its first deadline moves.
pub(crate) fn create(
    clock: &'static Clock,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
) -> *mut QEMUTimerList {
    let list = Arc::into_raw(Arc::new(List::new(clock, cb, opaque))).cast_mut();
    if let Some(list) = NonNull::new(list) {
        // SAFETY: a new list, which lives by the count until it is removed.
        unsafe { lists_of(clock).lock_chain().append(list) };
    }
    list.cast()
}

/// Frees a list, which must not have armed timers. `function` is what the program has called.
///
/// # Safety
///
/// The list is not used any more.
pub(crate) unsafe fn free(list: ListRef<'_>, function: &str) {
    let this = list.counted();
    if this.first().is_some() {
        LIBRARY.misuse(format_args!("{function}: a timer of the list is armed"));
    }
    // SAFETY: added by `create`, and freed once.
    unsafe { lists_of(this.clock()).lock_chain().remove(NonNull::from(&*this)) };
    // SAFETY: the count of `create`; `this` is another.
    unsafe { Arc::decrement_strong_count(Arc::as_ptr(&this)) };
    this.mark_freed();
    if !this.wait_for_others(Within::Notification) {
        LIBRARY.misuse(format_args!(
            "{function}: the list's notify callback, in another thread, waits for the caller"
        ));
    }
}

/// Starts the clock, and notifies its lists, because their deadlines count again.
pub(crate) fn start(clock: &Clock) {
    if clock.set_enabled(true) {
        notify(clock);
    }
}

/// Stops the clock; waits for callbacks that other threads run, unless they wait for this thread.
pub(crate) fn stop(clock: &Clock) {
    clock.set_enabled(false);
    for list in all(clock) {
        list.wait_for_callbacks();
    }
}

/// Notifies all lists of the clock.
pub(crate) fn notify(clock: &Clock) {
    for list in all(clock) {
        list.notify_unless_freed();
    }
}

/// ns to the nearest deadline of all lists of the clock, -1 for never.
pub(crate) fn deadline_ns(clock: &Clock) -> i64 {
    all(clock).iter().map(|list| list.deadline_ns()).fold(-1, soonest)
}
