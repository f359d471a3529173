//! What this component keeps for a context, behind its `first_bh`.

use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::AtomicBool;

use aio_notify::abi::AioContext;
use aio_notify::shared::check::{misuse, null};

use crate::queue::{BottomHalf, Queue};
use crate::{ours, source, LIBRARY};

/// What a bottom half runs.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) ctx: NonNull<AioContext>,
    pub(crate) cb: unsafe extern "C" fn(*mut c_void),
    pub(crate) opaque: *mut c_void,
}

// SAFETY: only carried here; `aio_bh_new()` has the program see to it that the loop's thread may
// call `cb(opaque)`.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

/// A `QEMUBH`.
pub(crate) type Bh = BottomHalf<Task>;

/// The private part of a context.
pub(crate) struct State {
    pub(crate) bottom_halves: Queue<Task>,
    /// Whether a loop that is not the library's own uses the context.
    pub(crate) foreign: AtomicBool,
}

impl State {
    pub(crate) fn new() -> Self {
        Self { bottom_halves: Queue::new(), foreign: AtomicBool::new(!ours::the_loop()) }
    }
}

/// The state of a context, if it has been made by this component.
///
/// # Safety
///
/// `ctx` is a context that lives for `'a`.
#[inline]
pub(crate) unsafe fn find<'a>(ctx: NonNull<AioContext>) -> Option<&'a State> {
    // SAFETY: a live context by this function's contract.
    if !unsafe { source::is_ours(ctx) } {
        // A program's own context, with what it likes in the member.
        return None;
    }
    // SAFETY: a live context by this function's contract.
    let first_bh = unsafe { (*ctx.as_ptr()).first_bh };
    // SAFETY: NULL or what `aio_context_new` put there, which lives as long as the context and is
    // only used by shared references.
    unsafe { first_bh.cast::<State>().as_ref() }
}

/// The state of a context that must be one of ours. Aborts, naming the function, if it is NULL or
/// has not been made by `aio_context_new()`.
///
/// # Safety
///
/// `ctx` is NULL or a context that lives for `'a`.
#[inline]
pub(crate) unsafe fn of<'a>(ctx: *mut AioContext, function: &str) -> &'a State {
    let Some(ctx) = NonNull::new(ctx) else {
        null(LIBRARY, function, "ctx");
    };
    // SAFETY: a live context by this function's contract.
    match unsafe { find(ctx) } {
        Some(state) => state,
        None => misuse(
            LIBRARY,
            format_args!("{function}: 'ctx' has not been made by aio_context_new()"),
        ),
    }
}
