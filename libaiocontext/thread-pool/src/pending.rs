//! The requests that have been submitted and not been reported.
//!
//! Workers do not touch this list, and it is whole after every store: a child process finds in it what
//! its parent's workers had.

use aiocontext_fork::Chain;

use crate::request::{Own, Request};

/// The list, in the order of submission. It has a reference to each request.
pub(crate) struct Pending(Chain<Own>);

impl Pending {
    pub(crate) const fn new() -> Self {
        Self(Chain::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In a child that may have found the list half changed: see [`Chain::write_hints`].
    pub(crate) fn write_hints(&mut self) {
        self.0.write_hints();
    }

    /// Adds a request that has just been submitted.
    pub(crate) fn append(&mut self, request: Request) {
        // SAFETY: new, and it lives until it is removed.
        unsafe { self.0.append(request.own_pointer()) };
    }

    /// Removes a request that is to be reported.
    pub(crate) fn remove(&mut self, request: Request) {
        // SAFETY: pending until now.
        unsafe { self.0.remove(request.own_pointer()) };
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Request> + '_ {
        // SAFETY: a pending request lives.
        self.0.iter().map(|own| unsafe { Request::of(own) })
    }
}
