//! `aio_notify` and `aio_notify_accept`, and what the library's own fd loop uses of this component, under
//! names that no program can define.

use core::ptr::NonNull;

use aio_notify::abi::AioContext;
use aio_notify::ffi::{ContextRef, View};
use aio_notify::hidden_names;
use aio_notify::protocol::coalescing::Sleepers;
use aio_notify::protocol::flag;

use aiocontext_wake::OwnLoop;

use crate::notify::{coalescing, drain_public, notify};
use crate::{renew, state, LIBRARY};

/// Like libaionotify's `aio_notify()`, whose comment documents both, for contexts with the library's
/// loop or the program's own.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify(ctx: *mut AioContext) {
    match NonNull::new(ctx) {
        // SAFETY: the context is live by this function's contract.
        Some(ctx) => notify(unsafe { ContextRef::new(ctx) }, Sleepers::All),
        None => LIBRARY.is_null("aio_notify", "ctx"),
    }
}

/// Like libaionotify's `aio_notify_accept()`, whose comment documents both, for contexts with the
/// library's loop or the program's own.
///
/// # Safety
///
/// `ctx` must not be NULL (aborts) and must live until the call returns.
#[no_mangle]
pub unsafe extern "C" fn aio_notify_accept(ctx: *mut AioContext) {
    let Some(ctx) = NonNull::new(ctx) else {
        return LIBRARY.is_null("aio_notify_accept", "ctx");
    };
    // SAFETY: the context is live by this function's contract.
    let ctx = unsafe { ContextRef::new(ctx) };
    match state::find(ctx) {
        Some(state) => {
            renew::enter(ctx, state);
            coalescing(ctx, state).accept(move || drain_public(ctx));
        }
        None => flag::accept(ctx.words(), move || drain_public(ctx)),
    }
}

/// What the fd loop shares with this component; NULL for a context that this one has not made.
extern "C" fn own_loop(ctx: ContextRef<'_>) -> *const OwnLoop {
    state::find(ctx).map_or(core::ptr::null(), |state| &raw const state.own)
}

/// Whether a bottom half seems to be scheduled, so that the fd loop need not announce a sleeper.
extern "C" fn has_urgent(ctx: ContextRef<'_>) -> bool {
    state::find(ctx).is_some_and(|state| state.bottom_halves.has_urgent())
}

/// Makes the context the calling process's own.
extern "C" fn enter(ctx: ContextRef<'_>) {
    renew::enter_own(ctx);
}

// Each for comparisons with what the program calls by the exported name, or for the fd loop.
hidden_names! {
    "aiocontext_async_aio_notify" = aio_notify;
    "aiocontext_async_aio_notify_accept" = aio_notify_accept;
    "aiocontext_async_own_loop" = own_loop;
    "aiocontext_async_has_urgent" = has_urgent;
    "aiocontext_async_renew" = enter;
}
