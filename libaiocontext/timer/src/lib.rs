//! The qemu-timer component of libaiocontext: clocks and timers.
//!
//! A timer is armed on a list, a list belongs to a clock. The armed timers of a list are in a
//! heap, whose first deadline is also in an atomic word: asking a list without a due timer costs
//! no lock.

mod clock;
mod heap;
mod list;
mod lists;
mod poll;
mod qemu_clock;
mod reset;
mod threads;
mod timer;
mod timer_ref;
mod timerlist;
mod timerlistgroup;
mod waits;

pub use poll::{qemu_poll_ns, qemu_timeout_ns_to_ms};
pub use qemu_clock::{
    init_clocks, main_loop_tlg, qemu_clock_deadline_ns_all, qemu_clock_enable, qemu_clock_expired,
    qemu_clock_get_main_loop_timerlist, qemu_clock_get_ns, qemu_clock_has_timers,
    qemu_clock_notify, qemu_clock_register_reset_notifier, qemu_clock_run_all_timers,
    qemu_clock_run_timers, qemu_clock_unregister_reset_notifier, qemu_clock_use_for_deadline,
};
pub use reset::Notifier;
pub use timer::{
    timer_deinit, timer_del, timer_expire_time_ns, timer_expired, timer_free, timer_init_tl,
    timer_mod, timer_mod_anticipate, timer_mod_anticipate_ns, timer_mod_ns, timer_pending,
};
pub use timerlist::{
    timerlist_deadline_ns, timerlist_expired, timerlist_free, timerlist_get_clock,
    timerlist_has_timers, timerlist_new, timerlist_notify, timerlist_run_timers,
};
pub use timerlistgroup::{
    timerlistgroup_deadline_ns, timerlistgroup_deinit, timerlistgroup_init,
    timerlistgroup_run_timers,
};

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

/// The smaller of two timeouts, of which -1 is infinite.
#[inline]
#[allow(clippy::cast_sign_loss)] // -1 becomes the largest.
fn soonest(a: i64, b: i64) -> i64 {
    if (a as u64) < (b as u64) {
        a
    } else {
        b
    }
}
