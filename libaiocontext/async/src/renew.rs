//! A context in a child process.
//!
//! A child has a copy of its parent's contexts, and shares their files. Before it polls, reads or
//! changes a descriptor, it puts files of its own under the numbers; the parent's are not touched. It
//! forgets what other threads of the parent have announced or wait for, because it does not have them.

use core::ffi::c_void;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::AioContext;
use aio_notify::argument;
use aio_notify::ffi::descriptor::{Ends, CLOSED};
use aio_notify::ffi::ContextRef;
use aiocontext_wake::new_file;

use crate::notify::coalescing;
use crate::state::{self, State};
use crate::{components, LIBRARY};

/// Makes the context the calling process's own, if it is its parent's. For every function that may
/// poll or touch a descriptor, except `aio_notify`, which signal handlers call.
#[inline]
pub(crate) fn enter(ctx: ContextRef<'_>, state: &State) {
    if !state.own.is_of(aiocontext_fork::generation()) {
        renew(ctx, state);
    }
}

/// [`enter`] for a context that this component may not have made.
#[inline]
pub(crate) fn enter_own(ctx: ContextRef<'_>) {
    if let Some(state) = state::find(ctx) {
        enter(ctx, state);
    }
}

/// The state of a context that must be one of ours, as [`state::of`], after [`enter`].
#[inline]
pub(crate) fn entered<'a>(ctx: ContextRef<'a>, function: &str) -> &'a State {
    let state = state::of(ctx, function);
    enter(ctx, state);
    state
}

#[cold]
fn renew(ctx: ContextRef<'_>, state: &State) {
    // For children of a raw `clone` or `_Fork()`, in which no handler has run.
    aiocontext_fork::run_child_hooks();
    let process = aiocontext_fork::generation();
    let _renewing = state.renewing.lock();
    if state.own.is_of(process) {
        return;
    }
    // SAFETY: a thread that uses the lock calls `enter` first.
    unsafe { components::renew_lock(ctx.lock()) };
    if components::loop_is_own() && !state.own.renew() {
        LIBRARY
            .log(format_args!("no event for a context in a child process: it polls every 10 ms"));
    }
    coalescing(ctx, state).renew();
    components::renew_fd_loop(ctx);
    // Last: `aio_notify` writes from here on.
    state.own.set_process(process);
}

/// Gives a child a notifier of its own, before a loop of the program's polls it: such a loop may sleep
/// before it calls the library. Called once in each child.
///
/// # Safety
///
/// `ctx` is a live context that this component has made.
pub(crate) unsafe fn in_child(ctx: *mut c_void) {
    let ctx = ctx.cast::<AioContext>();
    let ctx = argument!(LIBRARY, in_child(ctx): ContextRef<'_>);
    if let Some(state) = state::find(ctx) {
        renew_notifier(ctx);
        // Relaxed: the child has no other thread yet, or each comes through here first.
        state.notifier_process.store(aiocontext_fork::generation(), Relaxed);
    }
}

fn renew_notifier(ctx: ContextRef<'_>) {
    let (read, write) = (ctx.notifier_rfd(), ctx.notifier_wfd());
    // Relaxed: set up before the context was shared.
    let ends = Ends { read: read.load(Relaxed), write: write.load(Relaxed) };
    if ends.read < 0 {
        return;
    }
    let renewed = new_file::ends(ends).unwrap_or_else(|e| {
        LIBRARY.log(format_args!(
            "no event notifier for a context in a child process, errno {}",
            e.raw_os_error()
        ));
        Ends { read: CLOSED, write: CLOSED }
    });
    read.store(renewed.read, Relaxed);
    write.store(renewed.write, Relaxed);
}
