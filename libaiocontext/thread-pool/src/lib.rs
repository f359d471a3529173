//! The thread-pool component of libaiocontext: blocking work on worker threads, completed in the
//! context's loop.

mod capi;
mod import;
mod pending;
mod pool;
mod request;
mod request_queue;
mod thread;
mod workers;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

pub use capi::{
    thread_pool_free, thread_pool_new, thread_pool_submit, thread_pool_submit_aio,
    thread_pool_submit_co,
};
