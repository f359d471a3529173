//! What the library's own async component uses of this one, under names that no program can define.

use aio_notify::ffi::ContextRef;
use aio_notify::hidden_names;

use crate::context::FdLoop;

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

hidden_names! {
    "aiocontext_posix_release" = release;
    "aiocontext_posix_renew" = renew;
    "aiocontext_posix_looks" = looks;
    "aiocontext_posix_wake_soon" = wake_soon;
}
