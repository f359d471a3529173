//! The functions that C programs call, under their C names.
//!
//! Thin: check the arguments, call the safe code, convert the result. Nothing here panics, and
//! nothing keeps a reference to memory that C code may change.

/// libaiocontext gives the event notifier's functions hidden names; this library needs none.
macro_rules! names_for_others {
    () => {};
}

pub mod aio;
pub mod event_notifier;
#[cfg(aionotify_generation = "5.2")]
pub mod get_wfd;
#[cfg(any(not(aionotify_host), aionotify_set_handler))]
pub mod set_handler;
pub mod target;

#[cfg(any(not(aionotify_host), aionotify_set_handler))]
mod set_fd_handler;

use crate::ffi::LIBAIONOTIFY as LIBRARY;
#[cfg(any(not(aionotify_host), aionotify_set_handler))]
use set_fd_handler::set_fd_handler;

/// The size of the context, which libaionotify does not mind.
const CONTEXT_SIZE: usize = 0;

symbol_of_layout!();
