//! The functions of other components that this one calls, each by its C symbol, so that a
//! program's own definition is the one that is called.

use core::ffi::c_int;

use aio_notify::abi::{AioContext, EventNotifier};

pub(crate) use aio_notify::abi::aio::{
    aio_bh_poll, aio_compute_timeout, aio_context_acquire, aio_context_release,
};
pub(crate) use aio_notify::abi::timer::timerlistgroup_run_timers;

extern "C" {
    pub(crate) fn aio_notify(ctx: *mut AioContext);
    pub(crate) fn aio_notify_accept(ctx: *mut AioContext);
    pub(crate) fn event_notifier_get_fd(e: *mut EventNotifier) -> c_int;
    pub(crate) fn event_notifier_test_and_clear(e: *mut EventNotifier) -> c_int;
}
