//! The functions that C programs call, under their C names.
//!
//! Thin: check the arguments, call the safe code, convert the result. Nothing here panics, and
//! nothing keeps a reference to memory that C code may change.

pub mod aio;
pub mod event_notifier;
#[cfg(aionotify_generation = "5.2")]
pub mod get_wfd;
#[cfg(not(aionotify_generation = "5.2"))]
pub mod set_handler;
pub mod target;

mod check;
#[cfg(not(aionotify_generation = "5.2"))]
mod set_fd_handler;

pub mod message;
