//! The atomics of the protocol: those of the processor. A model checker compiles `coalescing.rs`
//! with its own in their place.

pub(crate) use core::sync::atomic::{
    fence, AtomicBool, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
};
