//! The lists of a clock.

use core::ptr::NonNull;
use std::sync::Arc;

use aiocontext_fork::{Chain, ForkMutex};

use crate::list::List;

/// The lists; there is a count of each list's [`Arc`]. In order in a child, whatever other threads
/// were doing.
pub(crate) struct Lists(ForkMutex<Chain<List>>);

impl Lists {
    pub(crate) const fn new() -> Self {
        Self(ForkMutex::new(Chain::new()))
    }

    /// Adds a list.
    pub(crate) fn add(&self, list: Arc<List>) {
        let list = Arc::into_raw(list).cast_mut();
        if let Some(list) = NonNull::new(list) {
            // SAFETY: a new list, which lives by the count until it is removed.
            unsafe { self.0.lock_chain().append(list) };
        }
    }

    /// Removes a list, which must be among them.
    pub(crate) fn remove(&self, list: &Arc<List>) {
        // SAFETY: added by `create`, and freed once.
        unsafe { self.0.lock_chain().remove(NonNull::from(&**list)) };
        // SAFETY: the count of `add`; the caller has another.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(list)) };
    }

    /// All lists.
    pub(crate) fn all(&self) -> Vec<Arc<List>> {
        let chain = self.0.lock_chain();
        let counted = chain.iter().map(|list| {
            // SAFETY: it has a count while it is in the chain.
            unsafe { Arc::increment_strong_count(list.as_ptr()) };
            // SAFETY: the count above is this one's.
            unsafe { Arc::from_raw(list.as_ptr()) }
        });
        counted.collect()
    }
}
