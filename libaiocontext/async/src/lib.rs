//! The async component of libaiocontext: contexts, bottom halves, the GSource.
//!
//! `capi` has the exports. A context of ours is recognised by the functions of its GSource, so `state`,
//! which all else stands on, asks `source`, which stands on all else.

mod bottom_half;
mod capi;
mod components;
mod context;
mod deadline;
mod import;
mod notify;
mod queue;
mod renew;
mod source;
mod state;
mod sync;
mod thread_pool;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

pub use capi::*;
