//! Arming and disarming a timer on its list.

use aio_notify::ffi::View;

use crate::timer_list::ListRef;
use crate::timer_ref::TimerRef;
use crate::LIBRARY;

/// The list that a timer is for, if it has one.
#[inline]
fn list_of<'a>(timer: TimerRef<'a>) -> Option<ListRef<'a>> {
    // SAFETY: made by `timerlist_new`, and by the caller's contract not freed yet.
    timer.list().map(|list| unsafe { ListRef::new(list) })
}

/// Arms a timer, or moves it; with `only_forward` not if it is armed for no later. `function` is what
/// the program has called.
#[inline]
pub(crate) fn arm(timer: TimerRef<'static>, deadline: i64, only_forward: bool, function: &str) {
    if timer.cb().is_none() {
        LIBRARY.misuse(format_args!("{function}: the timer has no callback"));
    }
    match list_of(timer) {
        Some(list) => list.arm(timer, deadline, only_forward, function),
        None => LIBRARY.misuse(format_args!(
            "{function}: the timer has no list; init_clocks() makes those of the main loop"
        )),
    }
}

/// Disarms a timer, if it is armed; `function` as above.
#[inline]
pub(crate) fn disarm(timer: TimerRef<'_>, function: &str) {
    // A timer that is not armed costs no lock. It is not in the list then, nor does the list still
    // access it.
    if timer.is_armed() {
        if let Some(list) = list_of(timer) {
            list.disarm(timer, function);
        }
    }
}

/// The deadline in ns, -1 while the timer is not armed.
pub(crate) fn deadline(timer: TimerRef<'_>) -> i64 {
    match list_of(timer) {
        Some(list) if timer.is_armed() => list.deadline_of(timer),
        _ => -1,
    }
}

/// A time in ns. What is too large for one stays in the far future.
#[inline]
pub(crate) fn scaled(timer: TimerRef<'_>, time: i64) -> i64 {
    time.saturating_mul(timer.scale())
}
