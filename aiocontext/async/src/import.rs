//! The functions of other components that this one calls, each by its C symbol, so that a
//! program's own definition is the one that is called.

use core::ffi::c_int;

use aio_notify::abi::EventNotifier;

pub(crate) use aio_notify::abi::aio::{
    aio_dispatch, aio_pending, aio_prepare, aio_set_event_notifier,
};
pub(crate) use aio_notify::abi::rfifolock::{
    rfifolock_destroy, rfifolock_init, rfifolock_lock, rfifolock_unlock,
};
pub(crate) use aio_notify::abi::thread_pool::{thread_pool_free, thread_pool_new};
pub(crate) use aio_notify::abi::timer::{
    qemu_timeout_ns_to_ms, timerlistgroup_deadline_ns, timerlistgroup_deinit, timerlistgroup_init,
};

extern "C" {
    pub(crate) fn event_notifier_init(e: *mut EventNotifier, active: c_int) -> c_int;
    pub(crate) fn event_notifier_cleanup(e: *mut EventNotifier);
    pub(crate) fn event_notifier_set(e: *mut EventNotifier) -> c_int;
    pub(crate) fn event_notifier_test_and_clear(e: *mut EventNotifier) -> c_int;
}
