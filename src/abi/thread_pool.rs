//! `block/thread-pool.h`: blocking work on worker threads, completed in the context's loop.

use core::ffi::{c_int, c_void};

/// The work: runs on a worker thread, its return value goes to the completion callback.
pub type ThreadPoolFunc = Option<unsafe extern "C" fn(opaque: *mut c_void) -> c_int>;
