//! The aio-posix component of libaiocontext: descriptors and `aio_poll`.
//!
//! A context's descriptors are in one epoll set, so that idle ones cost nothing, and that set's own
//! descriptor is the only one that GLib polls for the context. What epoll refuses (regular files)
//! is always ready, as with poll.

mod capi;
mod context;
mod epoll;
mod fork;
mod handlers;
mod import;
mod ours;
mod poll;
mod watch;

pub use capi::{
    aio_dispatch, aio_pending, aio_poll, aio_prepare, aio_set_event_notifier, aio_set_fd_handler,
};

/// What every message of the library starts with.
const LIBRARY: &str = "aiocontext";
