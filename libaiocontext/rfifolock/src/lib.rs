//! The rfifolock component of libaiocontext: a recursive lock, first come first served.

#![no_std]

#[cfg(test)]
extern crate std;

mod c_lock;
mod capi;
mod ticket;

#[cfg(target_pointer_width = "64")]
mod queue;
#[cfg(target_pointer_width = "64")]
mod queue_word;
#[cfg(target_pointer_width = "64")]
mod sync;
// 32-bit machines have no such word, or do not align the struct for it.
#[cfg(not(target_pointer_width = "64"))]
#[path = "queue_under_mutex.rs"]
mod queue;

#[cfg(test)]
mod tests;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

pub use capi::{rfifolock_destroy, rfifolock_init, rfifolock_lock, rfifolock_unlock};
