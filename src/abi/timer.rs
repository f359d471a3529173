//! `qemu/timer.h`: clocks, timers and lists of timers.

use core::ffi::{c_int, c_void};

use super::opaque::QEMUTimerList;

/// Scale of a timer in nanoseconds.
pub const SCALE_NS: c_int = 1;
/// Scale of a timer in microseconds.
pub const SCALE_US: c_int = 1000;
/// Scale of a timer in milliseconds.
pub const SCALE_MS: c_int = 1000000;

/// A clock.
#[repr(C)]
#[allow(non_camel_case_types)] // The names are C's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QEMUClockType {
    /// Monotonic time; runs while the guest is stopped.
    QEMU_CLOCK_REALTIME = 0,
    /// The guest's time; stops with it.
    QEMU_CLOCK_VIRTUAL = 1,
    /// The host's wall clock; may jump.
    QEMU_CLOCK_HOST = 2,
    /// The guest's time in real time, even while instructions are counted.
    QEMU_CLOCK_VIRTUAL_RT = 3,
    /// How many clocks there are.
    QEMU_CLOCK_MAX = 4,
}

/// A timer's callback; runs in the loop that owns its list.
pub type QEMUTimerCB = Option<unsafe extern "C" fn(opaque: *mut c_void)>;

/// Called when the first deadline of a list has moved.
pub type QEMUTimerListNotifyCB = Option<unsafe extern "C" fn(opaque: *mut c_void)>;

/// A list of timers for each clock.
#[repr(C)]
pub struct QEMUTimerListGroup {
    /// The lists, by `QEMUClockType`.
    pub tl: [*mut QEMUTimerList; QEMUClockType::QEMU_CLOCK_MAX as usize],
}

/// A timer. The members belong to the timer functions.
#[repr(C)]
pub struct QEMUTimer {
    /// Deadline in ns on the list's clock, -1 while not armed.
    pub expire_time: i64,
    /// The list that the timer is armed on.
    pub timer_list: *mut QEMUTimerList,
    /// Its callback.
    pub cb: QEMUTimerCB,
    /// Argument of `cb`.
    pub opaque: *mut c_void,
    /// The next timer of the list.
    pub next: *mut QEMUTimer,
    /// ns in the unit of `timer_mod()`.
    pub scale: c_int,
}
