//! What has to be done in a child before anything is used there.
//!
//! Most of what a fork makes stale is renewed at its next use. A hook is for what may not be used again
//! before it matters: a loop that waits for a completion that will not come.

use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{AcqRel, Relaxed},
};

use crate::{generation, Chain, ForkMutex, Linked, Links};

/// A function that is called once in each child.
pub struct ChildHook {
    links: Links<ChildHook>,
    /// The process that it was registered or called in.
    generation: AtomicU32,
    function: unsafe fn(*mut c_void),
    argument: *mut c_void,
}

impl Linked for ChildHook {
    fn links(&self) -> &Links<Self> {
        &self.links
    }
}

impl fmt::Debug for ChildHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildHook").finish_non_exhaustive()
    }
}

static HOOKS: ForkMutex<Chain<ChildHook>> = ForkMutex::new(Chain::new());

impl ChildHook {
    /// A hook that calls `function(argument)`, once it is registered.
    pub const fn new(function: unsafe fn(*mut c_void), argument: *mut c_void) -> Self {
        Self { links: Links::new(), generation: AtomicU32::new(0), function, argument }
    }

    /// Makes children of this process, and their children, call the function.
    ///
    /// # Safety
    ///
    /// The hook is not registered, and stays where it is until [`Self::unregister`]. Until then any
    /// thread of a child may call the function, which registers and unregisters nothing; it is
    /// called within `fork()` and must do no more than a signal handler may.
    pub unsafe fn register(&self) {
        static WATCHING: AtomicBool = AtomicBool::new(false);
        // Before the handler is registered: in a child that of the number has to come first.
        let generation = generation();
        // AcqRel: nothing is published by it; of racing threads one registers.
        if !WATCHING.swap(true, AcqRel) {
            // SAFETY: the handler may run in any child. Without memory for it the hooks are called
            // when a loop renews itself, as after a raw `clone`.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        }
        // Relaxed, here and below: accessed within the lock.
        self.generation.store(generation, Relaxed);
        // SAFETY: by this function's contract.
        unsafe { HOOKS.lock_chain().append(NonNull::from(self)) };
    }

    /// Undoes [`Self::register`].
    ///
    /// # Safety
    ///
    /// The hook is registered.
    pub unsafe fn unregister(&self) {
        // SAFETY: by this function's contract.
        unsafe { HOOKS.lock_chain().remove(NonNull::from(self)) };
    }
}

extern "C" fn in_child() {
    run_child_hooks();
}

/// Calls the hooks that have not been called in this process, and that it has from its parent.
///
/// `fork()` calls this in the child. A loop calls it when it finds itself in another process, for
/// children of a raw `clone` or `_Fork()`, in which no handler runs.
pub fn run_child_hooks() {
    let generation = generation();
    for hook in HOOKS.lock_chain().iter() {
        // SAFETY: registered, so it lives while the lock is held.
        let hook = unsafe { hook.as_ref() };
        if hook.generation.swap(generation, Relaxed) != generation {
            // SAFETY: by the contract of `register`.
            unsafe { (hook.function)(hook.argument) };
        }
    }
}
