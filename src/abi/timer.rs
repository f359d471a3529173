//! `qemu/timer.h`: clocks, timers and lists of timers.

use core::ffi::{c_int, c_uint, c_void};

use super::glib::GPollFD;
use super::opaque::{Notifier, QEMUTimerList};

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
    /// The guest's time in real time, also when instructions are counted.
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

assert_layout!("x86_64", QEMUTimerListGroup: 32 / 8, tl: 0);
assert_layout!("aarch64", QEMUTimerListGroup: 32 / 8, tl: 0);
assert_layout!("x86", QEMUTimerListGroup: 16 / 4, tl: 0);

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

assert_layout!("x86_64", QEMUTimer: 48 / 8, expire_time: 0, timer_list: 8, cb: 16, opaque: 24,
    next: 32, scale: 40);
assert_layout!("aarch64", QEMUTimer: 48 / 8, expire_time: 0, timer_list: 8, cb: 16, opaque: 24,
    next: 32, scale: 40);
assert_layout!("x86", QEMUTimer: 28 / 4, expire_time: 0, timer_list: 8, cb: 12, opaque: 16, next:
    20, scale: 24);

extern "C" {
    /// The lists of the main loop. Provided by libaiocontext or the program.
    pub static mut main_loop_tlg: QEMUTimerListGroup;

    /// Sets up the clocks and `main_loop_tlg`. Once, before all else.
    ///
    /// Provided by libaiocontext or the program.
    pub fn init_clocks();

    /// The clock's time in ns. Provided by libaiocontext or the program.
    pub fn qemu_clock_get_ns(r#type: QEMUClockType) -> i64;

    /// Returns true if the main loop's list has a timer on the clock.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_has_timers(r#type: QEMUClockType) -> bool;

    /// Returns true if a timer of the main loop's list is due.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_expired(r#type: QEMUClockType) -> bool;

    /// Returns true if the clock counts towards deadlines.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_use_for_deadline(r#type: QEMUClockType) -> bool;

    /// ns to the nearest deadline of the clock on all its lists, -1 for never.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_deadline_ns_all(r#type: QEMUClockType) -> i64;

    /// The main loop's list of the clock. Provided by libaiocontext or the program.
    pub fn qemu_clock_get_main_loop_timerlist(r#type: QEMUClockType) -> *mut QEMUTimerList;

    /// Notifies every list of the clock. Provided by libaiocontext or the program.
    pub fn qemu_clock_notify(r#type: QEMUClockType);

    /// Starts or stops a clock; stopping waits for callbacks that other threads run.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_enable(r#type: QEMUClockType, enabled: bool);

    /// Has `notifier` called when the clock jumps back.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_register_reset_notifier(r#type: QEMUClockType, notifier: *mut Notifier);

    /// Undoes `qemu_clock_register_reset_notifier()`. Provided by libaiocontext or the program.
    pub fn qemu_clock_unregister_reset_notifier(r#type: QEMUClockType, notifier: *mut Notifier);

    /// Runs the due timers of the main loop's list. Returns true if any ran.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_run_timers(r#type: QEMUClockType) -> bool;

    /// Runs the due timers of all the main loop's lists. Returns true if any ran.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_clock_run_all_timers() -> bool;

    /// Makes a list on a clock; `cb(opaque)` is called when its first deadline moves.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timerlist_new(
        r#type: QEMUClockType,
        cb: QEMUTimerListNotifyCB,
        opaque: *mut c_void,
    ) -> *mut QEMUTimerList;

    /// Frees a list, which must be empty. Provided by libaiocontext or the program.
    pub fn timerlist_free(timer_list: *mut QEMUTimerList);

    /// Returns true if a timer is armed on the list. Provided by libaiocontext or the program.
    pub fn timerlist_has_timers(timer_list: *mut QEMUTimerList) -> bool;

    /// Returns true if a timer of the list is due. Provided by libaiocontext or the program.
    pub fn timerlist_expired(timer_list: *mut QEMUTimerList) -> bool;

    /// ns to the list's nearest deadline, -1 for never.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timerlist_deadline_ns(timer_list: *mut QEMUTimerList) -> i64;

    /// The list's clock. Provided by libaiocontext or the program.
    pub fn timerlist_get_clock(timer_list: *mut QEMUTimerList) -> QEMUClockType;

    /// Runs the list's due timers. Returns true if any ran.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timerlist_run_timers(timer_list: *mut QEMUTimerList) -> bool;

    /// Calls the list's notify callback. Provided by libaiocontext or the program.
    pub fn timerlist_notify(timer_list: *mut QEMUTimerList);

    /// Makes the group's lists, with `cb(opaque)` as notify callback of each.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timerlistgroup_init(
        tlg: *mut QEMUTimerListGroup,
        cb: QEMUTimerListNotifyCB,
        opaque: *mut c_void,
    );

    /// Frees the group's lists, which must be empty. Provided by libaiocontext or the program.
    pub fn timerlistgroup_deinit(tlg: *mut QEMUTimerListGroup);

    /// Runs the due timers of the group. Returns true if any ran.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timerlistgroup_run_timers(tlg: *mut QEMUTimerListGroup) -> bool;

    /// ns to the group's nearest deadline, -1 for never.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timerlistgroup_deadline_ns(tlg: *mut QEMUTimerListGroup) -> i64;

    /// Initialises a timer on a list; `scale` is the ns in the unit of `timer_mod()`.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timer_init_tl(
        ts: *mut QEMUTimer,
        timer_list: *mut QEMUTimerList,
        scale: c_int,
        cb: QEMUTimerCB,
        opaque: *mut c_void,
    );

    /// Ends a timer's use; it must not be armed. Provided by libaiocontext or the program.
    pub fn timer_deinit(ts: *mut QEMUTimer);

    /// Frees a timer that `timer_new()` or a function like it made.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timer_free(ts: *mut QEMUTimer);

    /// Disarms a timer. Any thread. Provided by libaiocontext or the program.
    pub fn timer_del(ts: *mut QEMUTimer);

    /// Arms a timer for `expire_time` ns. Any thread. Provided by libaiocontext or the program.
    pub fn timer_mod_ns(ts: *mut QEMUTimer, expire_time: i64);

    /// Arms a timer for `expire_time` ns unless it is armed for earlier. Any thread.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timer_mod_anticipate_ns(ts: *mut QEMUTimer, expire_time: i64);

    /// Arms a timer for `expire_time` in units of its scale. Any thread.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timer_mod(ts: *mut QEMUTimer, expire_time: i64);

    /// Arms a timer, in units of its scale, unless it is armed for earlier. Any thread.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timer_mod_anticipate(ts: *mut QEMUTimer, expire_time: i64);

    /// Returns true if the timer is armed. Provided by libaiocontext or the program.
    pub fn timer_pending(ts: *mut QEMUTimer) -> bool;

    /// Returns true if the timer is due at `current_time`, in units of its scale.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timer_expired(ts: *mut QEMUTimer, current_time: i64) -> bool;

    /// The timer's deadline in ns, UINT64_MAX while not armed.
    ///
    /// Provided by libaiocontext or the program.
    pub fn timer_expire_time_ns(ts: *mut QEMUTimer) -> u64;

    /// A timeout in ms for poll, rounded up; negative means for ever.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_timeout_ns_to_ms(ns: i64) -> c_int;

    /// Polls with a timeout in ns, negative for ever. Returns what poll returns.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_poll_ns(fds: *mut GPollFD, nfds: c_uint, timeout: i64) -> c_int;
}
