//! The aio-posix component of libaiocontext: descriptors and `aio_poll`.
//!
//! A context's descriptors are in one epoll set, so that idle ones cost nothing, and that set's own
//! descriptor is the only one that GLib polls for the context. Regular files, which
//! epoll refuses, are always ready, as with poll; what it refuses for another reason is polled beside
//! the set.

mod announce;
mod callbacks;
mod capi;
mod components;
mod context;
mod epoll;
mod fd_hash;
mod file;
mod g_source;
mod handlers;
mod handover;
mod import;
mod leave;
mod lock_waiters;
mod ppoll;
mod report;
mod sleep;
mod timeout;
mod token;
mod turn;
mod watch;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

pub use capi::{
    aio_dispatch, aio_pending, aio_poll, aio_prepare, aio_set_event_notifier, aio_set_fd_handler,
};
