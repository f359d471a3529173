//! `block/thread-pool.h`: blocking work on worker threads, completed in the context's loop.

use core::ffi::{c_int, c_void};

use super::aio::{AioContext, BlockAIOCB, BlockCompletionFunc};
use super::opaque::ThreadPool;

/// The work: runs on a worker thread, its return value goes to the completion callback.
pub type ThreadPoolFunc = Option<unsafe extern "C" fn(opaque: *mut c_void) -> c_int>;

extern "C" {
    /// Makes a pool whose completions run in the loop of `ctx`.
    ///
    /// Provided by libaiocontext or the program.
    pub fn thread_pool_new(ctx: *mut AioContext) -> *mut ThreadPool;

    /// Waits for the workers and frees the pool; no request may be pending.
    ///
    /// Provided by libaiocontext or the program.
    pub fn thread_pool_free(pool: *mut ThreadPool);

    /// Runs `func(arg)` on a worker, then `cb(opaque, result)` in the context's loop.
    ///
    /// Returns the request, for cancellation. Provided by libaiocontext or the program.
    pub fn thread_pool_submit_aio(
        pool: *mut ThreadPool,
        func: ThreadPoolFunc,
        arg: *mut c_void,
        cb: BlockCompletionFunc,
        opaque: *mut c_void,
    ) -> *mut BlockAIOCB;

    /// Runs `func(arg)` on a worker and yields the calling coroutine until it is done.
    ///
    /// Returns what `func` returned. Coroutines only. Provided by libaiocontext or the program.
    pub fn thread_pool_submit_co(
        pool: *mut ThreadPool,
        func: ThreadPoolFunc,
        arg: *mut c_void,
    ) -> c_int;

    /// Runs `func(arg)` on a worker and reports to nobody.
    ///
    /// Provided by libaiocontext or the program.
    pub fn thread_pool_submit(pool: *mut ThreadPool, func: ThreadPoolFunc, arg: *mut c_void);
}
