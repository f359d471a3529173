//! Forks: a number that tells a process from its parent, and a mutex that a child finds free.
//!
//! A child has one thread and a copy of everything else: locks that threads held which it does not
//! have, descriptors that it shares with its parent. Whatever must not be used as it was found keeps
//! the [`generation`] in which it was made, compares it at its next use, and renews itself.

#![no_std]

mod chain;
mod generation;
mod hooks;
mod mutex;

pub use chain::{Chain, Linked, Links};
pub use generation::generation;
pub use hooks::{run_child_hooks, ChildHook};
pub use mutex::{ForkMutex, ForkMutexGuard};
