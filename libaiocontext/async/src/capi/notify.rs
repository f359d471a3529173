//! `aio_notify` and `aio_notify_accept`.

use core::ptr::NonNull;

use aio_notify::abi::AioContext;
use aio_notify::ffi::{ContextRef, View};
use aio_notify::hidden_names;
use aio_notify::protocol::coalescing::Sleepers;
use aio_notify::protocol::flag;

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

// For comparisons with what the program calls by these names.
hidden_names! {
    "aiocontext_async_aio_notify" = aio_notify;
    "aiocontext_async_aio_notify_accept" = aio_notify_accept;
}
