//! The atomics of the queue: the standard library's. A model checker compiles `queue.rs` with its
//! own in their place.

pub(crate) use core::sync::atomic::{AtomicU64, Ordering};
