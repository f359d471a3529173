//! `block/aio.h`: the context itself, and requests.

use core::ffi::{c_int, c_void};

use super::event_notifier::EventNotifier;
use super::glib::GSource;
use super::opaque::{AioHandler, BlockDriverState, ThreadPool, QEMUBH};
use super::rfifolock::RFifoLock;
use super::thread::QemuMutex;
use super::timer::QEMUTimerListGroup;

/// A bottom half's callback; runs in the context's loop.
pub type QEMUBHFunc = Option<unsafe extern "C" fn(opaque: *mut c_void)>;

/// A descriptor's callback; runs in the context's loop.
pub type IOHandler = Option<unsafe extern "C" fn(opaque: *mut c_void)>;

/// A request's completion; `ret` is its result, negative for `-errno`.
pub type BlockCompletionFunc = Option<unsafe extern "C" fn(opaque: *mut c_void, ret: c_int)>;

/// What kind of request a `BlockAIOCB` is.
#[repr(C)]
pub struct AIOCBInfo {
    /// Asks for early completion, or NULL.
    pub cancel_async: Option<unsafe extern "C" fn(acb: *mut BlockAIOCB)>,
    /// Says which context the request runs in, or NULL for that of its device.
    pub get_aio_context: Option<unsafe extern "C" fn(acb: *mut BlockAIOCB) -> *mut AioContext>,
    /// Size in bytes of the struct that starts with the `BlockAIOCB`.
    pub aiocb_size: usize,
}

/// An asynchronous request, counted by `qemu_aio_ref()` and `qemu_aio_unref()`.
#[repr(C)]
pub struct BlockAIOCB {
    /// Its kind.
    pub aiocb_info: *const AIOCBInfo,
    /// Its device, or NULL.
    pub bs: *mut BlockDriverState,
    /// Its completion callback.
    pub cb: BlockCompletionFunc,
    /// Argument of `cb`.
    pub opaque: *mut c_void,
    /// References held.
    pub refcnt: c_int,
}

/// Head of the list of a context's handlers.
#[repr(C)]
pub struct AioHandlerList {
    /// The first handler, or NULL.
    pub lh_first: *mut AioHandler,
}

/// An event loop's state.
///
/// `notify_me`, `notified` and `notifier` are the wakeup protocol's; the other members belong to
/// the loop, libaiocontext's or the program's.
#[repr(C)]
pub struct AioContext {
    /// The context as a GLib event source; its reference count is the context's.
    pub source: GSource,
    /// Held by `aio_poll()` while it runs callbacks; not by GLib's dispatch.
    pub lock: RFifoLock,
    /// The registered handlers.
    pub aio_handlers: AioHandlerList,
    /// How many walk `aio_handlers`; while not 0, removed ones are only marked.
    pub walking_handlers: c_int,
    /// Not 0 while somebody sleeps in poll or is about to, so that `aio_notify()` must wake.
    ///
    /// Bit 0 is the GSource's, set from prepare until check. Every blocking poller adds 2, then
    /// executes a full memory barrier, and only then looks at what is pending and computes its
    /// timeout; it subtracts 2 as soon as poll has returned. Access it atomically.
    pub notify_me: u32,
    /// Protects the list of bottom halves against changes.
    pub bh_lock: QemuMutex,
    /// The bottom halves.
    pub first_bh: *mut QEMUBH,
    /// How many walk the list of bottom halves; while not 0, deleted ones are only marked.
    pub walking_bh: c_int,
    /// True if `aio_notify()` has set `notifier` since it was last emptied; it may be true for longer.
    ///
    /// Belongs to the library alone.
    pub notified: bool,
    /// The event that `aio_notify()` makes readable. The program's own loop polls its read end;
    /// libaiocontext's loop has a private event instead.
    pub notifier: EventNotifier,
    /// The context's thread pool, or NULL until it is first asked for.
    pub thread_pool: *mut ThreadPool,
    /// The context's timers, a list for each clock.
    pub tlg: QEMUTimerListGroup,
}
