//! What libaiocontext was built for.
//!
//! libaionotify's code, under the same names; this library minds the size of the context besides. An
//! object of its own, so that a program that replaces components has it too.

#![no_std]

use aio_notify::abi::AioContext;
use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

#[path = "../../../src/capi/target.rs"]
mod target;

pub use target::*;

/// The size of the context.
const CONTEXT_SIZE: usize = size_of::<AioContext>();

aio_notify::symbol_of_layout!();
