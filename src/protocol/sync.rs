//! The atomics of the protocols: `core`'s. A loom test compiles the other files of this folder with
//! a module of its own in the place of this one.

pub(super) use core::sync::atomic::{
    fence, AtomicBool, AtomicU32,
    Ordering::{self, Acquire, Relaxed, Release, SeqCst},
};
#[cfg(target_has_atomic = "64")]
pub(super) use core::sync::atomic::{AtomicU64, Ordering::AcqRel};

/// Whether an exchange is a full barrier. On x86 it is: one locked instruction.
pub(super) const EXCHANGE_IS_BARRIER: bool = cfg!(any(target_arch = "x86", target_arch = "x86_64"));
