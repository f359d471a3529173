//! The context as a GLib event source.
//!
//! GLib calls prepare before it polls, check after it has, and dispatch if either says that there
//! is something to do. From prepare until check bit 0 of `notify_me` is set.

use core::ffi::c_int;
use core::mem::size_of;
use core::ptr::NonNull;

use aio_notify::abi::AioContext;
use aio_notify::argument;
use aio_notify::ffi::{ContextRef, View};
use aio_notify::protocol::flag;
use glib_sys::{gboolean, gpointer, GSource, GSourceFunc, GSourceFuncs, GTRUE};

use crate::import::{aio_dispatch, aio_pending, aio_prepare, qemu_timeout_ns_to_ms};
use crate::notify::{coalescing, drain_public};
use crate::{components, context, deadline, renew, LIBRARY};

static FUNCTIONS: GSourceFuncs = GSourceFuncs {
    prepare: Some(prepare),
    check: Some(check),
    dispatch: Some(dispatch),
    finalize: Some(finalize),
    closure_callback: None,
    closure_marshal: None,
};

/// Whether a context has been made by [`new`]: no other has these functions.
#[inline]
pub(crate) fn is_ours(ctx: ContextRef<'_>) -> bool {
    // SAFETY: a live context, of which the GSource is the first member; nobody writes to it after
    // the context has been made.
    let functions = unsafe { (*ctx.as_ptr().cast::<GSource>()).source_funcs };
    core::ptr::eq(functions, &raw const FUNCTIONS)
}

/// Makes a GSource with room for a context, zeroed but for what is GLib's; one reference.
pub(crate) fn new<'a>() -> ContextRef<'a> {
    const SIZE: u32 = size_of::<AioContext>() as u32;
    let functions = (&raw const FUNCTIONS).cast_mut();
    // SAFETY: GLib does not write to the functions, although its type allows that.
    let source = unsafe { glib_sys::g_source_new(functions, SIZE) };
    let Some(ctx) = NonNull::new(source.cast::<AioContext>()) else {
        LIBRARY.misuse(format_args!("aio_context_new: g_source_new returned NULL"));
    };
    // A callback may poll its context, and then GLib's loop may run it again.
    // SAFETY: made above.
    unsafe { glib_sys::g_source_set_can_recurse(source, GTRUE) };
    // SAFETY: made above.
    unsafe { ContextRef::new(ctx) }
}

/// Takes a reference.
pub(crate) fn retain(ctx: ContextRef<'_>) {
    // SAFETY: a live GSource, which is the context's first member.
    unsafe { glib_sys::g_source_ref(ctx.as_ptr().cast()) };
}

/// Gives a reference back; the last one ends the context.
///
/// # Safety
///
/// The caller has a reference, and does not use it any more.
pub(crate) unsafe fn release(ctx: ContextRef<'_>) {
    // SAFETY: a live GSource, which is the context's first member, and a reference to it.
    unsafe { glib_sys::g_source_unref(ctx.as_ptr().cast()) };
}

/// The context that GLib passes to one of [`FUNCTIONS`].
macro_rules! context {
    ($function:ident($source:ident)) => {{
        // GLib passes a live source, which has been made by [`new`], as its functions are.
        let $source = $source.cast::<AioContext>();
        argument!(LIBRARY, $function($source): ContextRef<'_>)
    }};
}

/// Tells GLib how long it may sleep, and announces that it may.
unsafe extern "C" fn prepare(source: *mut GSource, timeout: *mut c_int) -> gboolean {
    let ctx = context!(prepare(source));
    let state = renew::entered(ctx, "GSource");
    let seen = if components::loop_is_own() {
        Some(coalescing(ctx, state).raise_source())
    } else {
        flag::prepare(ctx.words());
        None
    };
    // After the fence: a thread that schedules or arms something either sees bit 0 and wakes the loop,
    // or is seen here.
    // Rounded up by the timer component, `timer/src/timeout.rs`.
    let mut ms = qemu_timeout_ns_to_ms(deadline::of(ctx, state));
    if aio_prepare(ctx) {
        ms = 0;
    }
    if !(0..=IDLE_MS).contains(&ms) && components::must_look(ctx) {
        ms = IDLE_MS;
    }
    if let (Some(seen), false) = (seen, (0..=IDLE_MS).contains(&ms)) {
        if !coalescing(ctx, state).lengthen_source(seen) {
            ms = IDLE_MS;
        }
    }
    // SAFETY: GLib passes the address of an int.
    unsafe { *timeout = ms };
    // Never ready yet, even if the loop must not sleep: GLib would skip `check`, and with it the look
    // at the descriptors, for as long as there is something else to do.
    glib_sys::GFALSE
}

/// The longest sleep of which idle bottom halves need not wake the loop.
const IDLE_MS: c_int = 10;

/// Tells GLib whether there is something to do.
unsafe extern "C" fn check(source: *mut GSource) -> gboolean {
    let ctx = context!(check(source));
    let state = renew::entered(ctx, "GSource");
    if components::loop_is_own() {
        // The fd loop empties the loop's own event in `aio_pending`, if it is readable.
        coalescing(ctx, state).lower_source();
    } else {
        flag::end_prepare(ctx.words());
        coalescing(ctx, state).accept(move || drain_public(ctx));
    }
    // First: what was scheduled before the notification that woke GLib is visible only after that has
    // been accepted.
    let pending = aio_pending(ctx);
    let is_ready = pending || state.bottom_halves.most_urgent().is_some();
    gboolean::from(is_ready || deadline::of_timers(ctx) == 0)
}

/// Runs what is ready.
unsafe extern "C" fn dispatch(
    source: *mut GSource,
    callback: GSourceFunc,
    _data: gpointer,
) -> gboolean {
    if callback.is_some() {
        LIBRARY.misuse(format_args!("aio_get_g_source: the source takes no callback"));
    }
    aio_dispatch(context!(dispatch(source)));
    GTRUE
}

/// Ends the context with its last reference.
unsafe extern "C" fn finalize(source: *mut GSource) {
    let ctx = context!(finalize(source));
    // SAFETY: nobody has a reference to it any more.
    unsafe { context::tear_down(ctx) };
}
