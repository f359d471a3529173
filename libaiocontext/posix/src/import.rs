//! The functions of other components that this one calls, each by its C symbol, so that a
//! program's own definition is the one that is called. Safe are those that ask for no more than a
//! live context.

use core::ffi::c_int;

use aio_notify::abi::{EventNotifier, QEMUTimerListGroup};
use aio_notify::ffi::ContextRef;

unsafe extern "C" {
    pub(crate) safe fn aio_bh_poll(ctx: ContextRef<'_>) -> c_int;
    pub(crate) safe fn aio_compute_timeout(ctx: ContextRef<'_>) -> i64;
    pub(crate) safe fn aio_context_acquire(ctx: ContextRef<'_>);
    pub(crate) safe fn aio_context_release(ctx: ContextRef<'_>);
    pub(crate) safe fn aio_notify(ctx: ContextRef<'_>);
    pub(crate) safe fn aio_notify_accept(ctx: ContextRef<'_>);
    pub(crate) unsafe fn event_notifier_get_fd(e: *mut EventNotifier) -> c_int;
    pub(crate) unsafe fn event_notifier_test_and_clear(e: *mut EventNotifier) -> c_int;
    pub(crate) unsafe fn timerlistgroup_run_timers(tlg: *mut QEMUTimerListGroup) -> bool;
}
