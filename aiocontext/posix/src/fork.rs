//! Forks: a child shares its parent's epoll set, and what it adds or takes away there would be the
//! parent's. So a child makes sets of its own.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Once;

/// How many forks lie between the process that loaded the library and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn in_child() {
    // Relaxed: a child has one thread.
    GENERATION.fetch_add(1, Relaxed);
}

/// Counts forks from now on.
pub(crate) fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        // SAFETY: the handler only counts. It fails for want of memory, and children then share
        // their parents' sets.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// Changes in a child process.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}
