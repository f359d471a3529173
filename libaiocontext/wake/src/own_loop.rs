//! What the async component and the fd loop share for a context, where both are the library's.

use core::sync::atomic::{
    fence, AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};

use aio_notify::protocol::coalescing::Coalescing;

use crate::event::Event;

/// The private part of a context's wakeups.
#[derive(Default)]
pub struct OwnLoop {
    /// The protocol's words.
    pub words: Coalescing,
    /// The private event, in the epoll set for as long as the context lives.
    pub event: Event,
    /// What gets the lock's owner out of a nested poll. Opened by the first that sleeps.
    kick: Event,
    /// Whether the lock's owner sleeps in a nested poll, or is about to.
    nested: AtomicBool,
    /// The process that the descriptors are of.
    process: AtomicU32,
}

impl OwnLoop {
    /// Whether the descriptors are of this process, and not of a parent's.
    #[inline]
    pub fn is_of(&self, process: u32) -> bool {
        // Acquire: pairs with the store in `set_process`; the caller goes on to use the descriptors.
        self.process.load(Acquire) == process
    }

    /// Says that the descriptors are of this process from now on.
    pub fn set_process(&self, process: u32) {
        // Release: pairs with the load in `is_of`.
        self.process.store(process, Release);
    }

    /// For the lock's owner, before it raises `notify_me` for a nested poll that may sleep: from now
    /// on whoever comes to wait for the lock fills the event that this returns, or where there is
    /// none has the loop notified.
    pub fn begin_nested(&self) -> Option<&Event> {
        if !self.kick.is_open() {
            // Without a descriptor the loop's own event has to do.
            let _ = self.kick.open();
        }
        // The fence of `raise`, which follows, pairs with the one in `kick_owner`. Release: pairs with
        // the load there, for the descriptor.
        self.nested.store(true, Release);
        self.kick.is_open().then_some(&self.kick)
    }

    /// Undoes [`Self::begin_nested`].
    pub fn end_nested(&self) {
        // Relaxed: who still sees it fills the event, for one turn for nothing.
        self.nested.store(false, Relaxed);
    }

    /// For a thread that waits for the lock, after it has taken its ticket: gets the owner out of a
    /// nested poll. Returns true where the loop has to be notified for that.
    pub fn kick_owner(&self) -> bool {
        // Pairs with the fence in `raise`. Without it this thread may find the owner awake, and the
        // owner, about to sleep, nobody who waits.
        fence(SeqCst);
        // Acquire: pairs with the store in `begin_nested`.
        self.nested.load(Acquire) && self.kick.fill().is_err()
    }

    /// In a child process: descriptors of its own. The words are renewed by the caller, who gets
    /// false where there is no event to be made.
    pub fn renew(&self) -> bool {
        self.kick.close();
        self.nested.store(false, Relaxed);
        self.event.renew().is_ok()
    }
}

impl Drop for OwnLoop {
    fn drop(&mut self) {
        self.event.close();
        self.kick.close();
    }
}
