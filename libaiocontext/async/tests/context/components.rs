//! The other components, as small as the async component's tests can do with. They count who
//! calls them, and so show that the async component calls a program's own.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};

use aio_notify::abi::event_notifier::EventNotifierHandler;
use aio_notify::abi::opaque::ThreadPool;
use aio_notify::abi::timer::QEMUTimerListNotifyCB;
use aio_notify::abi::{AioContext, EventNotifier, QEMUTimerListGroup, RFifoLock};
use aiocontext_async::{aio_bh_poll, aio_notify_accept};
use glib_sys::GPollFD;

/// Counts calls.
pub(crate) struct Calls(AtomicUsize);

impl Calls {
    const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }
    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
    fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

pub(crate) static LOCK_INIT: Calls = Calls::new();
pub(crate) static LOCK_DESTROY: Calls = Calls::new();
pub(crate) static LOCKED: Calls = Calls::new();
pub(crate) static UNLOCKED: Calls = Calls::new();
pub(crate) static TIMERS_INIT: Calls = Calls::new();
pub(crate) static TIMERS_DEINIT: Calls = Calls::new();
pub(crate) static POOL_NEW: Calls = Calls::new();
pub(crate) static POOL_FREE: Calls = Calls::new();
pub(crate) static HANDLER_SET: Calls = Calls::new();
pub(crate) static HANDLER_REMOVED: Calls = Calls::new();

/// What the timers say, in ns.
pub(crate) static DEADLINE: AtomicI64 = AtomicI64::new(-1);

/// The notify callback that the timers of the last context were given, as `(cb, opaque)`.
pub(crate) static TIMER_CALLBACK: std::sync::Mutex<Option<(QEMUTimerListNotifyCB, usize)>> =
    std::sync::Mutex::new(None);

#[no_mangle]
extern "C" fn rfifolock_init(
    _: *mut RFifoLock,
    cb: Option<unsafe extern "C" fn(*mut c_void)>,
    opaque: *mut c_void,
) {
    assert!(cb.is_some() && !opaque.is_null());
    LOCK_INIT.add();
}
#[no_mangle]
extern "C" fn rfifolock_destroy(_: *mut RFifoLock) {
    LOCK_DESTROY.add();
}
#[no_mangle]
extern "C" fn rfifolock_lock(_: *mut RFifoLock) {
    LOCKED.add();
}
#[no_mangle]
extern "C" fn rfifolock_unlock(_: *mut RFifoLock) {
    UNLOCKED.add();
}
#[no_mangle]
extern "C" fn timerlistgroup_init(
    _: *mut QEMUTimerListGroup,
    cb: QEMUTimerListNotifyCB,
    opaque: *mut c_void,
) {
    *TIMER_CALLBACK.lock().unwrap() = Some((cb, opaque as usize));
    TIMERS_INIT.add();
}
#[no_mangle]
extern "C" fn timerlistgroup_deinit(_: *mut QEMUTimerListGroup) {
    TIMERS_DEINIT.add();
}
#[no_mangle]
extern "C" fn timerlistgroup_deadline_ns(_: *mut QEMUTimerListGroup) -> i64 {
    DEADLINE.load(SeqCst)
}
#[no_mangle]
extern "C" fn qemu_timeout_ns_to_ms(ns: i64) -> c_int {
    if ns < 0 {
        -1
    } else {
        c_int::try_from((ns + 999_999) / 1_000_000).unwrap_or(c_int::MAX)
    }
}
#[no_mangle]
extern "C" fn thread_pool_new(_: *mut AioContext) -> *mut ThreadPool {
    POOL_NEW.add();
    Box::into_raw(Box::new(0_u8)).cast()
}
#[no_mangle]
unsafe extern "C" fn thread_pool_free(pool: *mut ThreadPool) {
    POOL_FREE.add();
    // SAFETY: made by `thread_pool_new`.
    drop(unsafe { Box::from_raw(pool.cast::<u8>()) });
}

/// The loop's state: the descriptor in the GSource.
#[no_mangle]
unsafe extern "C" fn aio_set_event_notifier(
    ctx: *mut AioContext,
    notifier: *mut EventNotifier,
    io_read: EventNotifierHandler,
) {
    // SAFETY: a live context.
    let state = unsafe { &raw mut (*ctx).aio_handlers.lh_first };
    if io_read.is_some() {
        HANDLER_SET.add();
        // SAFETY: an initialised notifier.
        let fd = unsafe { (*notifier).rfd };
        let poll = Box::into_raw(Box::new(GPollFD { fd, events: libc::POLLIN as u16, revents: 0 }));
        // SAFETY: the source of a live context, and a GPollFD that lives until it is removed.
        unsafe { glib_sys::g_source_add_poll(ctx.cast(), poll) };
        // SAFETY: a live context.
        unsafe { *state = poll.cast() };
    } else {
        HANDLER_REMOVED.add();
        // SAFETY: a live context.
        let poll = unsafe { *state }.cast::<GPollFD>();
        // SAFETY: the source of a live context.
        if unsafe { glib_sys::g_source_is_destroyed(ctx.cast()) } == 0 {
            // SAFETY: added above.
            unsafe { glib_sys::g_source_remove_poll(ctx.cast(), poll) };
        }
        // SAFETY: made above.
        drop(unsafe { Box::from_raw(poll) });
        // SAFETY: a live context.
        unsafe { *state = ptr::null_mut() };
    }
}
#[no_mangle]
extern "C" fn aio_prepare(_: *mut AioContext) -> bool {
    false
}
#[no_mangle]
extern "C" fn aio_pending(_: *mut AioContext) -> bool {
    false
}
#[no_mangle]
unsafe extern "C" fn aio_dispatch(ctx: *mut AioContext) -> bool {
    // SAFETY: a live context.
    unsafe { aio_notify_accept(ctx) };
    // SAFETY: a live context.
    unsafe { aio_bh_poll(ctx) != 0 }
}
