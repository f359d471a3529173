//! What the library's own loop needs to be woken, beside the protocol
//! (`aio_notify::protocol::coalescing`): the private events, what the components share of a context,
//! and new files under old numbers in a child process.

#![no_std]

mod event;
pub mod new_file;
mod own_loop;

pub use event::Event;
pub use own_loop::OwnLoop;
