//! The context as a GLib event source.
//!
//! GLib calls prepare before it polls, check after it has, and dispatch if either says that there
//! is something to do. From prepare until check bit 0 of `notify_me` is set.

use core::ffi::c_int;
use core::mem::size_of;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;

use aio_notify::abi::AioContext;
use aio_notify::protocol::{self, Context, NotifyMe};
use aio_notify::shared::check::misuse;
use aiocontext_wake as wake;
use glib_sys::{gboolean, gpointer, GSource, GSourceFunc, GSourceFuncs, GTRUE};

use crate::import::{aio_dispatch, aio_pending, aio_prepare, qemu_timeout_ns_to_ms};
use crate::notify::ContextRef;
use crate::{context, ours, state, LIBRARY};

static FUNCTIONS: GSourceFuncs = GSourceFuncs {
    prepare: Some(prepare),
    check: Some(check),
    dispatch: Some(dispatch),
    finalize: Some(finalize),
    closure_callback: None,
    closure_marshal: None,
};

/// Whether a context has been made by [`new`]: no other has these functions.
///
/// # Safety
///
/// `ctx` is a live context.
#[inline]
pub(crate) unsafe fn is_ours(ctx: NonNull<AioContext>) -> bool {
    // SAFETY: a live context, of which the GSource is the first member; nobody writes to it after
    // the context has been made.
    let functions = unsafe { (*ctx.as_ptr().cast::<GSource>()).source_funcs };
    core::ptr::eq(functions, &raw const FUNCTIONS)
}

/// Makes a GSource with room for a context, zeroed but for what is GLib's; one reference.
pub(crate) fn new() -> NonNull<AioContext> {
    const SIZE: u32 = size_of::<AioContext>() as u32;
    let functions = (&raw const FUNCTIONS).cast_mut();
    // SAFETY: GLib does not write to the functions, whatever its type says.
    let source = unsafe { glib_sys::g_source_new(functions, SIZE) };
    let Some(ctx) = NonNull::new(source.cast::<AioContext>()) else {
        misuse(LIBRARY, format_args!("aio_context_new: g_source_new returned NULL"));
    };
    // A callback may poll its context, and then GLib's loop may run it again.
    // SAFETY: made above.
    unsafe { glib_sys::g_source_set_can_recurse(source, GTRUE) };
    ctx
}

/// The context that GLib passes to a function of [`FUNCTIONS`].
fn context(source: *mut GSource) -> NonNull<AioContext> {
    match NonNull::new(source.cast::<AioContext>()) {
        Some(ctx) => ctx,
        None => misuse(LIBRARY, format_args!("GSource: the source is NULL")),
    }
}

/// Says how long GLib may sleep, and from now on has it woken.
unsafe extern "C" fn prepare(source: *mut GSource, timeout: *mut c_int) -> gboolean {
    let ctx = context(source);
    // SAFETY: GLib passes a live source, which is a context.
    protocol::prepare(unsafe { ContextRef::new(ctx) });
    // SAFETY: a live context, made by this component as its functions are.
    let state = unsafe { state::of(ctx.as_ptr(), "GSource") };
    // After the fence in `prepare`: whoever schedules or arms something either sees bit 0 and
    // wakes, or is seen here.
    // SAFETY: a live context with its state.
    let ns = unsafe { context::timeout(ctx.as_ptr(), state) };
    // SAFETY: takes a number.
    let mut ms = unsafe { qemu_timeout_ns_to_ms(ns) };
    // SAFETY: a live context.
    if unsafe { aio_prepare(ctx.as_ptr()) } {
        ms = 0;
    }
    // SAFETY: GLib passes the address of an int.
    unsafe { *timeout = ms };
    // Never ready yet, also where the loop must not sleep: GLib would leave `check` out, and with it
    // the look at the descriptors, for as long as there is always something else to do.
    glib_sys::GFALSE
}

/// Says whether there is something to do.
unsafe extern "C" fn check(source: *mut GSource) -> gboolean {
    let ctx = context(source);
    // SAFETY: GLib passes a live source, which is a context.
    let words = unsafe { ContextRef::new(ctx) };
    // Relaxed: a notifier that still sees the bit sets the event for nothing; one that does not is
    // served before the next sleep, by the fence in `prepare`.
    words.notify_me().and(!protocol::GSOURCE, Relaxed);
    if !ours::the_loop() {
        // Our own fd loop empties the event in `aio_pending`, if it is readable.
        wake::accept(words);
    }
    // First: what has been scheduled before the notification that woke GLib is visible only once
    // that has been accepted.
    // SAFETY: a live context.
    let pending = unsafe { aio_pending(ctx.as_ptr()) };
    // SAFETY: a live context, made by this component as its functions are.
    let state = unsafe { state::of(ctx.as_ptr(), "GSource") };
    if pending || state.bottom_halves.most_urgent().is_some() {
        return GTRUE;
    }
    // SAFETY: a live context.
    gboolean::from(unsafe { context::deadline(ctx.as_ptr()) } == 0)
}

/// Does what there is to do.
unsafe extern "C" fn dispatch(
    source: *mut GSource,
    callback: GSourceFunc,
    _data: gpointer,
) -> gboolean {
    if callback.is_some() {
        misuse(LIBRARY, format_args!("aio_get_g_source: the source takes no callback"));
    }
    // SAFETY: GLib passes a live source, which is a context.
    unsafe { aio_dispatch(context(source).as_ptr()) };
    GTRUE
}

/// Ends the context with its last reference.
unsafe extern "C" fn finalize(source: *mut GSource) {
    // SAFETY: GLib passes the source that nobody has a reference to any more.
    unsafe { context::tear_down(context(source)) };
}
