//! The functions that C programs call, under their C names.
//!
//! Thin: check the arguments, call the safe code, convert the result. Nothing here panics, and
//! nothing keeps a reference to memory that C code may change.

pub mod aio;
pub mod event_notifier;

mod check;
mod set_fd_handler;

pub mod message;
