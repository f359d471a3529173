//! `block/aio.h`: the context itself and the functions of a loop.
//!
//! `aio_notify` and `aio_notify_accept` are defined in `capi::aio`.

use core::ffi::{c_int, c_void};

use super::event_notifier::{EventNotifier, EventNotifierHandler};
use super::glib::GSource;
use super::opaque::{AioHandler, BlockDriverState, Error, ThreadPool, QEMUBH};
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

assert_layout!("x86_64", AIOCBInfo: 24 / 8, cancel_async: 0, get_aio_context: 8, aiocb_size: 16);
assert_layout!("aarch64", AIOCBInfo: 24 / 8, cancel_async: 0, get_aio_context: 8, aiocb_size: 16);
assert_layout!("x86", AIOCBInfo: 12 / 4, cancel_async: 0, get_aio_context: 4, aiocb_size: 8);

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

assert_layout!("x86_64", BlockAIOCB: 40 / 8, aiocb_info: 0, bs: 8, cb: 16, opaque: 24, refcnt: 32);
assert_layout!("aarch64", BlockAIOCB: 40 / 8, aiocb_info: 0, bs: 8, cb: 16, opaque: 24, refcnt: 32);
assert_layout!("x86", BlockAIOCB: 20 / 4, aiocb_info: 0, bs: 4, cb: 8, opaque: 12, refcnt: 16);

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
    /// Held by whoever runs the loop.
    pub lock: RFifoLock,
    /// The registered handlers.
    pub aio_handlers: AioHandlerList,
    /// How many walk `aio_handlers`; while not 0, removed ones are only marked.
    pub walking_handlers: c_int,
    /// Not 0 while somebody sleeps in poll or is about to, so that `aio_notify()` must wake.
    ///
    /// Bit 0 is the GSource's, set from prepare until check. Every blocking poller adds 2, then
    /// executes a full memory barrier, and only then looks at what is pending and computes its
    /// timeout; it takes 2 away as soon as poll has returned. Access it atomically.
    pub notify_me: u32,
    /// Protects the list of bottom halves against changes.
    pub bh_lock: QemuMutex,
    /// The bottom halves.
    pub first_bh: *mut QEMUBH,
    /// How many walk the list of bottom halves; while not 0, deleted ones are only marked.
    pub walking_bh: c_int,
    /// True if `aio_notify()` has set `notifier` since it was last emptied.
    ///
    /// The library's alone.
    pub notified: bool,
    /// The descriptor that `aio_notify()` makes readable; the loop polls its read end.
    pub notifier: EventNotifier,
    /// The context's thread pool, or NULL until it is first asked for.
    pub thread_pool: *mut ThreadPool,
    /// The context's timers, a list for each clock.
    pub tlg: QEMUTimerListGroup,
}

assert_layout!("x86_64", AioContext: 344 / 8, source: 0, lock: 96, aio_handlers: 224,
    walking_handlers: 232, notify_me: 236, bh_lock: 240, first_bh: 280, walking_bh: 288,
    notified: 292, notifier: 296, thread_pool: 304, tlg: 312);
assert_layout!("aarch64", AioContext: 360 / 8, source: 0, lock: 96, aio_handlers: 232,
    walking_handlers: 240, notify_me: 244, bh_lock: 248, first_bh: 296, walking_bh: 304,
    notified: 308, notifier: 312, thread_pool: 320, tlg: 328);
assert_layout!("x86", AioContext: 224 / 4, source: 0, lock: 52, aio_handlers: 148, walking_handlers:
    152, notify_me: 156, bh_lock: 160, first_bh: 184, walking_bh: 188, notified: 192, notifier: 196,
    thread_pool: 204, tlg: 208);

extern "C" {
    /// Makes a context with one reference, which is also a GLib event source.
    ///
    /// Returns NULL on failure and then sets `*errp` where `errp` is not NULL.
    /// Provided by libaiocontext or the program.
    pub fn aio_context_new(errp: *mut *mut Error) -> *mut AioContext;

    /// Takes a reference. Any thread. Provided by libaiocontext or the program.
    pub fn aio_context_ref(ctx: *mut AioContext);

    /// Gives a reference back; the last one frees the context.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_context_unref(ctx: *mut AioContext);

    /// Takes the context's lock (recursive, first come first served). Any thread.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_context_acquire(ctx: *mut AioContext);

    /// Gives the context's lock back, once. The owner only.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_context_release(ctx: *mut AioContext);

    /// Makes a bottom half that will call `cb(opaque)`. Any thread.
    ///
    /// Returns it, not scheduled. Provided by libaiocontext or the program.
    pub fn aio_bh_new(ctx: *mut AioContext, cb: QEMUBHFunc, opaque: *mut c_void) -> *mut QEMUBH;

    /// Runs the scheduled bottom halves. The loop's thread.
    ///
    /// Returns 1 if one ran that was not idle, else 0.
    /// Provided by libaiocontext or the program.
    pub fn aio_bh_poll(ctx: *mut AioContext) -> c_int;

    /// Has the bottom half run once, soon. Any thread and signal handlers; wait-free.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_bh_schedule(bh: *mut QEMUBH);

    /// Has the bottom half run once, within 10 ms, without counting as progress.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_bh_schedule_idle(bh: *mut QEMUBH);

    /// Takes a schedule back. Provided by libaiocontext or the program.
    pub fn qemu_bh_cancel(bh: *mut QEMUBH);

    /// Has the bottom half freed when nobody walks the list any more. Any thread.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_bh_delete(bh: *mut QEMUBH);

    /// How long the loop may sleep, in ns.
    ///
    /// Returns 0 if a bottom half is scheduled, at most 10000000 (10 ms) if only idle ones are,
    /// else the time to the nearest timer, -1 for ever.
    /// Provided by libaiocontext or the program.
    pub fn aio_compute_timeout(ctx: *mut AioContext) -> i64;

    /// The context as a GLib event source, with a new reference.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_get_g_source(ctx: *mut AioContext) -> *mut GSource;

    /// The context's thread pool, made at the first call.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_get_thread_pool(ctx: *mut AioContext) -> *mut ThreadPool;

    /// Prepares the handlers for a poll. Returns true if something can run at once.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_prepare(ctx: *mut AioContext) -> bool;

    /// Returns true if a handler is ready after a poll.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_pending(ctx: *mut AioContext) -> bool;

    /// Runs bottom halves, ready handlers, then timers, and never sleeps.
    ///
    /// Returns true if any callback ran. Provided by libaiocontext or the program.
    pub fn aio_dispatch(ctx: *mut AioContext) -> bool;

    /// Runs what is ready; where `blocking`, sleeps until something is.
    ///
    /// Returns true if a callback ran other than the notifier's own and idle bottom halves.
    /// Provided by libaiocontext or the program.
    pub fn aio_poll(ctx: *mut AioContext, blocking: bool) -> bool;

    /// Sets the callbacks of a descriptor, or with both NULL removes them.
    ///
    /// `io_read(opaque)` runs when `fd` is readable, hung up or in error, `io_write(opaque)` when
    /// it is writable or in error. Provided by libaiocontext or the program.
    pub fn aio_set_fd_handler(
        ctx: *mut AioContext,
        fd: c_int,
        io_read: IOHandler,
        io_write: IOHandler,
        opaque: *mut c_void,
    );

    /// Sets the callback of an event notifier, or with NULL removes it.
    ///
    /// Provided by libaiocontext or the program.
    pub fn aio_set_event_notifier(
        ctx: *mut AioContext,
        notifier: *mut EventNotifier,
        io_read: EventNotifierHandler,
    );

    /// Makes a request of `aiocb_info->aiocb_size` bytes with one reference.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_aio_get(
        aiocb_info: *const AIOCBInfo,
        bs: *mut BlockDriverState,
        cb: BlockCompletionFunc,
        opaque: *mut c_void,
    ) -> *mut c_void;

    /// Takes a reference to a request. Provided by libaiocontext or the program.
    pub fn qemu_aio_ref(p: *mut c_void);

    /// Gives a reference back; the last one frees the request.
    ///
    /// Provided by libaiocontext or the program.
    pub fn qemu_aio_unref(p: *mut c_void);
}
