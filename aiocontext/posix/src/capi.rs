//! The functions that C programs call, under their C names.

use core::ffi::{c_int, c_void};
use core::mem::transmute;
use core::ptr::{self, NonNull};

use aio_notify::abi::aio::IOHandler;
use aio_notify::abi::event_notifier::EventNotifierHandler;
use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::shared::check::{misuse, not_null};

use crate::context::ContextRef;
use crate::handlers::Callbacks;
use crate::import::{aio_notify, event_notifier_get_fd};
use crate::{ours, poll, LIBRARY};

/// The argument's view, after the check that it is not NULL.
///
/// # Safety
///
/// `ctx` is NULL (aborts) or a context that lives for `'a`.
#[inline]
unsafe fn checked<'a>(ctx: *mut AioContext, function: &str) -> ContextRef<'a> {
    let ctx: NonNull<AioContext> = not_null(LIBRARY, ctx, function, "ctx");
    // SAFETY: a live context by this function's contract.
    unsafe { ContextRef::new(ctx) }
}

/// Sets the callbacks of a descriptor in the loop of `ctx`, replaces them, or with both NULL removes
/// them; then notifies the loop. Any thread; not from signal handlers.
///
/// `io_read(opaque)` runs when `fd` is readable, hung up or in error, `io_write(opaque)` when it is
/// writable or in error. What cannot be waited for, such as a regular file, is always ready. A
/// handler may remove or replace itself and others; one that was removed does not run any more.
/// Remove a handler before its descriptor is closed: one that was not is dropped when it is
/// noticed, with a line on standard error.
///
/// # Safety
///
/// `ctx` must not be NULL and `fd` not negative (aborts); `ctx` must live, and the loop's thread may
/// call the callbacks with `opaque`, until they are removed.
#[no_mangle]
pub unsafe extern "C" fn aio_set_fd_handler(
    ctx: *mut AioContext,
    fd: c_int,
    io_read: IOHandler,
    io_write: IOHandler,
    opaque: *mut c_void,
) {
    // SAFETY: a live context by this function's contract.
    let ctx = unsafe { checked(ctx, "aio_set_fd_handler") };
    if fd < 0 {
        misuse(LIBRARY, format_args!("aio_set_fd_handler: descriptor {fd} is negative"));
    }
    set(ctx, fd, Callbacks { io_read, io_write, opaque });
    // SAFETY: a live context.
    unsafe { aio_notify(ctx.as_ptr()) };
}

fn set(ctx: ContextRef<'_>, fd: c_int, callbacks: Callbacks) {
    if callbacks.events() == 0 {
        if let Some(watch) = ctx.watch() {
            watch.remove(fd);
        }
    } else if let Some(watch) = ctx.make_watch() {
        watch.set(fd, callbacks);
    } else {
        let code = std::io::Error::last_os_error().raw_os_error().unwrap_or_default();
        misuse(
            LIBRARY,
            format_args!("aio_set_fd_handler: no epoll set for the context, errno {code}"),
        );
    }
}

/// Sets the callback of an event notifier in the loop of `ctx`, or with NULL removes it; then
/// notifies the loop. Any thread; not from signal handlers.
///
/// `io_read(notifier)` runs when the notifier is set, and has to empty it
/// (`event_notifier_test_and_clear()`).
///
/// # Safety
///
/// `ctx` and `notifier` must not be NULL (aborts); both must live, and the notifier be initialised,
/// until the callback is removed.
#[no_mangle]
pub unsafe extern "C" fn aio_set_event_notifier(
    ctx: *mut AioContext,
    notifier: *mut EventNotifier,
    io_read: EventNotifierHandler,
) {
    // SAFETY: a live context by this function's contract.
    let ctx = unsafe { checked(ctx, "aio_set_event_notifier") };
    let e = not_null(LIBRARY, notifier, "aio_set_event_notifier", "notifier").as_ptr();
    // SAFETY: initialised by this function's contract.
    let fd = unsafe { event_notifier_get_fd(e) };
    let own = ptr::eq(e, ctx.notifier());
    if own && ours::is_notifier_handler(io_read) {
        let Some(watch) = ctx.make_watch() else { return };
        if watch.set_notifier(fd).is_err() {
            let code = std::io::Error::last_os_error();
            // SAFETY: the context is being made, and nobody polls it.
            unsafe { ctx.free_watch() };
            errno::set_errno(errno::Errno(code.raw_os_error().unwrap_or_default()));
        }
        return;
    }
    if own && ctx.watch().is_some_and(|watch| watch.remove_notifier()) {
        // The program handles it itself, or the context ends.
        // SAFETY: a live context.
        unsafe { ours::set_foreign(ctx.as_non_null()) };
    }
    // SAFETY: the two types differ only in what the one pointer argument points to; the callback
    // is passed the notifier that it expects.
    let reads = unsafe { transmute::<EventNotifierHandler, IOHandler>(io_read) };
    set(ctx, fd, Callbacks { io_read: reads, io_write: None, opaque: e.cast() });
    // SAFETY: a live context.
    unsafe { aio_notify(ctx.as_ptr()) };
    let last = own && io_read.is_none() && ctx.watch().is_some_and(|watch| watch.is_empty());
    if last && !ours::notifications() {
        // A program's own async component removes the notifier when nobody has the context any
        // more, and cannot call `release`.
        // SAFETY: as above.
        unsafe { ctx.free_watch() };
    }
}

/// Frees what this component keeps for a context that ends.
///
/// # Safety
///
/// Nobody uses the context any more.
unsafe extern "C" fn release(ctx: NonNull<AioContext>) {
    // SAFETY: live by this function's contract.
    let ctx = unsafe { ContextRef::new(ctx) };
    // SAFETY: nobody polls it or sets handlers, by this function's contract.
    unsafe { ctx.free_watch() };
}

// A name that no program can define, for the async component.
#[cfg(not(target_vendor = "apple"))]
core::arch::global_asm!(
    ".globl aiocontext_posix_release",
    ".hidden aiocontext_posix_release",
    ".set aiocontext_posix_release, {release}",
    release = sym release,
);

/// Prepares the handlers for a poll of the context's descriptor by another loop, such as GLib's.
///
/// Returns true if a handler can run at once, so that the loop must not sleep. Any thread that
/// polls the context.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_prepare(ctx: *mut AioContext) -> bool {
    // SAFETY: a live context by this function's contract.
    let ctx = unsafe { checked(ctx, "aio_prepare") };
    ctx.watch().is_some_and(|watch| watch.is_ready())
}

/// Looks which handlers are ready after a poll of the context's descriptor by another loop, such as
/// GLib's, and answers a notification. It does not sleep.
///
/// Returns true if a handler is ready. Any thread that polls the context.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_pending(ctx: *mut AioContext) -> bool {
    // SAFETY: a live context by this function's contract.
    poll::pending(unsafe { checked(ctx, "aio_pending") })
}

/// Runs bottom halves, then handlers that have been found ready, then timers; it never sleeps, and
/// looks for no readiness.
///
/// Returns true if a callback ran other than the context's own notifier's and idle bottom halves.
/// The loop's thread; a callback may call it.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_dispatch(ctx: *mut AioContext) -> bool {
    // SAFETY: a live context by this function's contract.
    let ctx = unsafe { checked(ctx, "aio_dispatch") };
    // SAFETY: a live context.
    unsafe { poll::dispatch(ctx) }
}

/// One turn of the loop of `ctx`: runs bottom halves, ready handlers and timers; where `blocking`,
/// sleeps before that until there is something to run, a notification comes, or somebody waits for
/// the context's lock.
///
/// Holds the context's lock but while it sleeps. With no handlers set, a turn that does not sleep
/// makes no system call. Returns true if a callback ran other than the context's own notifier's and
/// idle bottom halves. Several threads may poll a context in turn, and a callback may.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_poll(ctx: *mut AioContext, blocking: bool) -> bool {
    // SAFETY: a live context by this function's contract.
    let ctx = unsafe { checked(ctx, "aio_poll") };
    // SAFETY: a live context.
    unsafe { poll::poll(ctx, blocking) }
}
