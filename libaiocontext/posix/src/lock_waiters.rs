//! Threads that wait for the context's lock while its owner polls: the owner's half. The waiter's is
//! `OwnLoop::kick_owner` in the package `wake`.

use core::sync::atomic::Ordering::Relaxed;

use crate::context::FdLoop;
use crate::watch::Watch;

impl FdLoop<'_> {
    /// How often the calling thread, which owns it, holds the context's lock.
    #[inline]
    pub(crate) fn lock_nesting(self) -> u32 {
        // Relaxed: the owner's own.
        self.lock().nesting_word().load(Relaxed)
    }

    /// For the lock's owner, which holds it `nesting` times: whether a thread waits for the lock that
    /// the owner has not been told of. It is told of each once, and again after it has returned from the
    /// callback that was told.
    pub(crate) fn has_new_waiter(self, watch: &Watch, nesting: u32) -> bool {
        // Relaxed: the fence of `raise` stands before. A waiter takes its ticket (`tail`) and then
        // kicks: either it is seen here, or it sees that the owner may sleep.
        let head = self.lock().head_word().load(Relaxed);
        let tail = self.lock().tail_word().load(Relaxed);
        let queue = u64::from(head) << 32 | u64::from(tail);
        // Relaxed, here and below: only the lock's owner accesses them.
        let told = watch.told.load(Relaxed) == queue && watch.told_nesting.load(Relaxed) <= nesting;
        if !told {
            watch.told.store(queue, Relaxed);
            watch.told_nesting.store(nesting, Relaxed);
        }
        tail.wrapping_sub(head) > 1 && !told
    }
}
