//! What this component keeps for a context, behind its `first_bh`.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use aio_notify::ffi::{ContextRef, Opaque};
use aiocontext_fork::{ChildHook, ForkMutex};
use aiocontext_wake::OwnLoop;

use crate::queue::{BottomHalf, Queue};
use crate::{source, LIBRARY};

/// What a bottom half runs.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) ctx: ContextRef<'static>,
    pub(crate) cb: unsafe extern "C" fn(*mut c_void),
    pub(crate) opaque: Opaque,
}

/// A `QEMUBH`.
pub(crate) type Bh = BottomHalf<Task>;

/// The private part of a context.
pub(crate) struct State {
    /// What the fd loop shares.
    pub(crate) own: OwnLoop,
    pub(crate) bottom_halves: Queue<Task>,
    /// The thread that runs bottom halves, by its `pthread_t`, if it is one; or 0.
    pub(crate) runner: AtomicUsize,
    /// Held while a child process makes the context its own.
    pub(crate) renewing: ForkMutex<()>,
    /// The process whose file the context's notifier is.
    pub(crate) notifier_process: AtomicU32,
    /// Gives a child of `fork()` a notifier of its own.
    pub(crate) hook: ChildHook,
}

impl State {
    /// `in_child(ctx)` is to be called in each child process, once the hook is registered.
    pub(crate) fn new(ctx: ContextRef<'_>, in_child: unsafe fn(*mut c_void)) -> Self {
        let own = OwnLoop::default();
        own.set_process(aiocontext_fork::generation());
        Self {
            own,
            bottom_halves: Queue::new(),
            runner: AtomicUsize::new(0),
            renewing: ForkMutex::new(()),
            notifier_process: AtomicU32::new(aiocontext_fork::generation()),
            hook: ChildHook::new(in_child, ctx.as_ptr().cast()),
        }
    }
}

/// The state of a context, if it has been made by this component.
#[inline]
pub(crate) fn find<'a>(ctx: ContextRef<'a>) -> Option<&'a State> {
    if !source::is_ours(ctx) {
        // A program's own context, which may have anything in the member.
        return None;
    }
    // Relaxed: written before the context is shared.
    let first_bh = ctx.first_bh().load(Relaxed).cast::<State>();
    // SAFETY: NULL or what `aio_context_new` put there, which lives as long as the context and is
    // only used by shared references.
    unsafe { first_bh.as_ref() }
}

/// The state of a context that must be one of ours. Aborts, naming the function, if it has not been
/// made by `aio_context_new()`.
#[inline]
pub(crate) fn of<'a>(ctx: ContextRef<'a>, function: &str) -> &'a State {
    find(ctx).unwrap_or_else(|| {
        LIBRARY.misuse(format_args!("{function}: 'ctx' has not been made by aio_context_new()"))
    })
}
