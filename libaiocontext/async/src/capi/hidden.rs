//! What the library's own fd loop uses of this component, under names that no program can define.

use aio_notify::ffi::ContextRef;
use aio_notify::hidden_names;
use aiocontext_wake::OwnLoop;

use crate::{renew, state};

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

hidden_names! {
    "aiocontext_async_own_loop" = own_loop;
    "aiocontext_async_has_urgent" = has_urgent;
    "aiocontext_async_renew" = enter;
}
