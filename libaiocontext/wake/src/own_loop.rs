//! What the async component and the fd loop share of a context, if both are the library's.

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
    /// Wakes the lock's owner from a nested poll. Opened by the first owner that sleeps.
    kick: Event,
    /// Whether the lock's owner sleeps in a nested poll, or is about to.
    nested: AtomicBool,
    /// The process that has opened the descriptors.
    process: AtomicU32,
}

impl OwnLoop {
    /// Whether the descriptors are this process's, and not a parent's.
    #[inline]
    pub fn is_of(&self, process: u32) -> bool {
        // Acquire: pairs with the store in `set_process`. Without it the caller may use the parent's
        // descriptors.
        self.process.load(Acquire) == process
    }

    /// Marks the descriptors as this process's.
    pub fn set_process(&self, process: u32) {
        // Release: pairs with the load in `is_of`, for the descriptors.
        self.process.store(process, Release);
    }

    /// For the lock's owner, before it raises `notify_me` for a nested poll that may sleep. From now
    /// on a thread that starts to wait for the lock fills the event that this returns, or notifies
    /// the loop if there is none.
    pub fn begin_nested(&self) -> Option<&Event> {
        if !self.kick.is_open() {
            // Without a descriptor, waiters notify the loop instead.
            let _ = self.kick.open();
        }
        // The fence of `raise`, which follows, pairs with the one in `kick_owner`. Release: pairs with
        // the load there. Without it a waiter may see this and not the descriptor.
        self.nested.store(true, Release);
        self.kick.is_open().then_some(&self.kick)
    }

    /// Undoes [`Self::begin_nested`].
    pub fn end_nested(&self) {
        // Relaxed: a waiter that still sees it fills the event, which costs a spurious wakeup.
        self.nested.store(false, Relaxed);
    }

    /// For a thread that waits for the lock, after it has taken its ticket: wakes the owner from a
    /// nested poll. Returns true if the caller must notify the loop for that.
    pub fn kick_owner(&self) -> bool {
        // Pairs with the fence of `raise`. Without it this thread may find the owner awake while the
        // owner, about to sleep, finds no waiter.
        fence(SeqCst);
        // Acquire: pairs with the store in `begin_nested`, for the descriptor.
        self.nested.load(Acquire) && self.kick.fill().is_err()
    }

    /// In a child process: opens descriptors of its own. Returns false if no event can be opened. The
    /// caller renews the words.
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
