//! The functions that C programs call, under their C names.

use core::ffi::{c_int, c_void};
use core::ptr;

use aio_notify::abi::aio::IOHandler;
use aio_notify::abi::event_notifier::EventNotifierHandler;
use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::ffi::{event_notifier::io_handler, ContextRef};
use aio_notify::{argument, hidden_names};

use crate::callbacks::Callbacks;
use crate::context::FdLoop;
use crate::import::{aio_notify, event_notifier_get_fd};
use crate::{components, turn, LIBRARY};

/// The argument's view, after the check that it is not NULL.
macro_rules! fd_loop {
    ($function:ident($ctx:ident)) => {
        FdLoop(argument!(LIBRARY, $function($ctx): ContextRef<'_>))
    };
}

/// Sets or replaces the callbacks of a descriptor in the loop of `ctx`, or removes them if both are
/// NULL. It then notifies the loop, which watches the new set. `io_read(opaque)` runs when `fd` is
/// readable, hung up or in error, `io_write(opaque)` when it is writable or in error. Unread data
/// makes the descriptor ready again in the next turn. A regular file is always ready.
///
/// Callbacks may set, replace and remove any handler, including their own. A handler that the
/// loop's thread removes is not called any more, even if it was ready in the same turn. One that
/// another thread removes may still be running or about to run. The context's lock excludes
/// `aio_poll()` in other threads, but not `aio_dispatch()` and GLib's dispatch, which do not take
/// it.
///
/// Remove a handler before closing its descriptor, and set it again after `dup2()` onto its number.
/// If the descriptor was closed, the loop drops the handler when it notices, and logs a line to
/// stderr.
///
/// # Threads
///
/// Any thread; not signal handlers. A cancellation point if it has to make a new set of
/// descriptors: disable cancellation around the call.
///
/// # Safety
///
/// `ctx` must not be NULL and `fd` must not be negative (aborts). Until the callbacks are removed,
/// `ctx` must live, and the loop's thread may call them with `opaque`.
#[no_mangle]
pub unsafe extern "C" fn aio_set_fd_handler(
    ctx: *mut AioContext,
    fd: c_int,
    io_read: IOHandler,
    io_write: IOHandler,
    opaque: *mut c_void,
) {
    let ctx = fd_loop!(aio_set_fd_handler(ctx));
    if fd < 0 {
        LIBRARY.misuse(format_args!("aio_set_fd_handler: descriptor {fd} is negative"));
    }
    set(ctx, fd, Callbacks { io_read, io_write, opaque });
    aio_notify(*ctx);
}

fn set(ctx: FdLoop<'_>, fd: c_int, callbacks: Callbacks) {
    ctx.enter();
    if callbacks.events() == 0 {
        if let Some(watch) = ctx.watch() {
            watch.remove(fd);
        }
    } else if let Some(watch) = ctx.make_watch() {
        watch.set(fd, callbacks);
    } else {
        let code = std::io::Error::last_os_error().raw_os_error().unwrap_or_default();
        LIBRARY
            .misuse(format_args!("aio_set_fd_handler: no epoll set for the context, errno {code}"));
    }
}

/// Sets the callback of an event notifier in the loop of `ctx`, or removes it if `io_read` is NULL.
/// It then notifies the loop. `io_read(notifier)` runs when the notifier is set, and must empty it
/// with `event_notifier_test_and_clear()`.
///
/// A handler on the context's own notifier is called for notifications that wake a loop. The loop
/// empties that notifier before the call.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ctx` and `notifier` must not be NULL (aborts). Until the callback is removed, both must live,
/// and the notifier must be initialised.
#[no_mangle]
pub unsafe extern "C" fn aio_set_event_notifier(
    ctx: *mut AioContext,
    notifier: *mut EventNotifier,
    io_read: EventNotifierHandler,
) {
    let ctx = fd_loop!(aio_set_event_notifier(ctx));
    let e = LIBRARY.not_null(notifier, "aio_set_event_notifier", "notifier").as_ptr();
    // SAFETY: initialised by this function's contract.
    let fd = unsafe { event_notifier_get_fd(e) };
    let own = ptr::eq(e, ctx.notifier());
    if own && components::is_notifier_handler(io_read) && components::async_is_own() {
        // The library's own async component, whose event is in the set instead.
        ctx.make_watch();
        return;
    }
    if own {
        ctx.set_handled(io_read.is_some());
    }
    set(ctx, fd, Callbacks { io_read: io_handler(io_read), io_write: None, opaque: e.cast() });
    if own {
        ctx.set_public(fd);
    }
    aio_notify(*ctx);
    let last = own && io_read.is_none() && ctx.watch().is_some_and(|watch| watch.is_empty());
    if last && !components::async_is_own() {
        // A program's own async component removes the notifier when nobody has the context any
        // more, and cannot call `release`.
        // SAFETY: nobody has the context any more.
        unsafe { ctx.free_watch() };
    }
}

/// Prepares the handlers before another loop, such as GLib's, polls the context's descriptor.
///
/// # Returns
///
/// True if a handler can run at once, so the loop must not sleep.
///
/// # Threads
///
/// Threads that poll the context; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_prepare(ctx: *mut AioContext) -> bool {
    let ctx = fd_loop!(aio_prepare(ctx));
    ctx.enter();
    ctx.watch().is_some_and(|watch| watch.is_ready())
}

/// Checks which handlers are ready after another loop, such as GLib's, has polled the context's
/// descriptor, and consumes a notification. It does not sleep, and needs no poll before it.
///
/// # Returns
///
/// True if a handler is ready.
///
/// # Threads
///
/// Threads that poll the context; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_pending(ctx: *mut AioContext) -> bool {
    turn::pending(fd_loop!(aio_pending(ctx)))
}

/// Runs bottom halves, then handlers that were found ready, then timers. It never sleeps, does not
/// check for readiness, and does not take the context's lock. A callback may call it.
///
/// # Returns
///
/// True if a callback ran; idle bottom halves and the handler of the context's own notifier do not
/// count.
///
/// # Threads
///
/// Threads that run the loop; not signal handlers.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_dispatch(ctx: *mut AioContext) -> bool {
    let ctx = fd_loop!(aio_dispatch(ctx));
    ctx.enter();
    let progress = turn::dispatch(ctx);
    ctx.leave();
    progress
}

/// Runs one turn of the loop: bottom halves in the order in which they were scheduled, then
/// handlers of ready descriptors, then timers that are due. If `blocking`, it first sleeps until
/// there is something to run or `aio_notify()` is called; otherwise it never sleeps.
///
/// It takes the context's lock for the callbacks, and releases it once while it sleeps. If the
/// caller already holds the lock, the lock stays held during the sleep; such a call returns early,
/// once for each thread that comes to wait for the lock. With no handlers set, a turn that does not
/// sleep makes no system call.
///
/// Callbacks may call it. Several threads may run it at the same time, alongside GLib: each piece
/// of work is done by one of them, and none is woken over and over for work that it cannot do. When
/// a thread leaves while others sleep, one of them wakes in time for the next deadline. GLib's
/// dispatch takes no lock, so the same callback may run there and in `aio_poll()` at the same time,
/// and a handler may find that the other thread has already read what made it ready.
///
/// # Returns
///
/// True if a callback ran; idle bottom halves and the handler of the context's own notifier do not
/// count. A blocking call may return false, for example after `aio_notify()` or a signal.
///
/// # Threads
///
/// Any thread; not signal handlers. A cancellation point while it sleeps: disable cancellation in
/// threads that run a loop.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_poll(ctx: *mut AioContext, blocking: bool) -> bool {
    let ctx = fd_loop!(aio_poll(ctx));
    turn::poll(ctx, blocking)
}

/// Makes the descriptors of a context a child process's own.
extern "C" fn renew(ctx: ContextRef<'_>) {
    if let Some(watch) = FdLoop(ctx).watch() {
        watch.renew_in_child();
    }
}

/// Whether a loop that polls the context's descriptor must look at the context every 10 ms all the
/// same: not all of its descriptors are in the set.
extern "C" fn looks(ctx: ContextRef<'_>) -> bool {
    FdLoop(ctx).watch().is_some_and(|watch| watch.looks() || !watch.is_in_set())
}

/// For a poller that has left something for within 10 ms: others that sleep on are woken by then.
extern "C" fn wake_soon(ctx: ContextRef<'_>) {
    FdLoop(ctx).wake_soon();
}

/// Frees what this component keeps for a context that ends.
///
/// # Safety
///
/// Nobody uses the context any more.
unsafe extern "C" fn release(ctx: ContextRef<'_>) {
    // SAFETY: nobody polls it or sets handlers, by this function's contract.
    unsafe { FdLoop(ctx).free_watch() };
}

// The first for comparisons with what the program calls by the exported name, the others for the library's own
// async component.
hidden_names! {
    "aiocontext_posix_aio_poll" = aio_poll;
    "aiocontext_posix_release" = release;
    "aiocontext_posix_renew" = renew;
    "aiocontext_posix_looks" = looks;
    "aiocontext_posix_wake_soon" = wake_soon;
}
