//! The atomics and the lock of the bottom halves' queue: the standard library's. A model checker
//! compiles `queue/` with its own in their place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
pub(crate) use std::sync::Mutex;
