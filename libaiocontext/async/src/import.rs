//! The functions of other components that this one calls, each by its C symbol, so that a
//! program's own definition is the one that is called. Safe are those that ask for no more than a
//! live context or lock.

use core::ffi::{c_int, c_void};

use aio_notify::abi::event_notifier::EventNotifierHandler;
use aio_notify::abi::opaque::ThreadPool;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::{EventNotifier, QEMUTimerListGroup, RFifoLock};
use aio_notify::ffi::{ContextRef, LockRef};

unsafe extern "C" {
    pub(crate) safe fn aio_dispatch(ctx: ContextRef<'_>) -> bool;
    pub(crate) safe fn aio_pending(ctx: ContextRef<'_>) -> bool;
    pub(crate) safe fn aio_prepare(ctx: ContextRef<'_>) -> bool;
    pub(crate) unsafe fn aio_set_event_notifier(
        ctx: ContextRef<'_>,
        notifier: *mut EventNotifier,
        io_read: EventNotifierHandler,
    );
    pub(crate) unsafe fn event_notifier_init(e: *mut EventNotifier, active: c_int) -> c_int;
    pub(crate) unsafe fn event_notifier_cleanup(e: *mut EventNotifier);
    pub(crate) unsafe fn event_notifier_set(e: *mut EventNotifier) -> c_int;
    pub(crate) unsafe fn event_notifier_test_and_clear(e: *mut EventNotifier) -> c_int;
    pub(crate) safe fn qemu_timeout_ns_to_ms(ns: i64) -> c_int;
    pub(crate) unsafe fn rfifolock_init(
        r: *mut RFifoLock,
        cb: Option<unsafe extern "C" fn(opaque: *mut c_void)>,
        opaque: *mut c_void,
    );
    pub(crate) unsafe fn rfifolock_destroy(r: *mut RFifoLock);
    pub(crate) safe fn rfifolock_lock(r: LockRef<'_>);
    pub(crate) safe fn rfifolock_unlock(r: LockRef<'_>);
    pub(crate) safe fn thread_pool_new(ctx: ContextRef<'_>) -> *mut ThreadPool;
    pub(crate) unsafe fn thread_pool_free(pool: *mut ThreadPool);
    pub(crate) unsafe fn timerlistgroup_init(
        tlg: *mut QEMUTimerListGroup,
        cb: QEMUTimerListNotifyCB,
        opaque: *mut c_void,
    );
    pub(crate) unsafe fn timerlistgroup_deinit(tlg: *mut QEMUTimerListGroup);
    pub(crate) unsafe fn timerlistgroup_deadline_ns(tlg: *mut QEMUTimerListGroup) -> i64;
}
