//! A pool: its workers, and the bottom half that reports what they have done.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use aio_notify::abi::aio::{
    aio_bh_new, qemu_aio_unref, qemu_bh_cancel, qemu_bh_delete, qemu_bh_schedule,
};
use aio_notify::abi::opaque::QEMUBH;
use aio_notify::abi::AioContext;
use aio_notify::shared::check::misuse;

use crate::request::Request;
use crate::workers::{locked, Done, Workers};
use crate::LIBRARY;

/// A `ThreadPool`.
pub(crate) struct Pool {
    ctx: NonNull<AioContext>,
    workers: Arc<Workers<Finished>>,
    /// How many requests have been submitted and not been reported.
    pending: AtomicUsize,
}

/// What the workers have done.
pub(crate) struct Finished {
    requests: Mutex<VecDeque<Request>>,
    /// The pool's bottom half.
    bh: AtomicPtr<QEMUBH>,
}

impl Finished {
    fn schedule(&self) {
        // Relaxed: written before there was a worker.
        // SAFETY: a live bottom half, until all workers have gone.
        unsafe { qemu_bh_schedule(self.bh.load(Relaxed)) };
    }
}

impl Done for Finished {
    fn done(&self, request: Request) {
        let was_empty = {
            let mut requests = locked(&self.requests);
            requests.push_back(request);
            requests.len() == 1
        };
        // With others there, the bottom half is scheduled and will see this one as well.
        if was_empty {
            self.schedule();
        }
    }
}

impl Pool {
    /// Makes a pool whose completions run in the loop of `ctx`.
    ///
    /// # Safety
    ///
    /// `ctx` lives as long as the pool.
    pub(crate) unsafe fn new(ctx: NonNull<AioContext>) -> NonNull<Self> {
        let finished =
            Finished { requests: Mutex::new(VecDeque::new()), bh: AtomicPtr::new(ptr::null_mut()) };
        let pool =
            Box::new(Self { ctx, workers: Workers::new(finished), pending: AtomicUsize::new(0) });
        let pool = NonNull::from(Box::leak(pool));
        // SAFETY: a live context; the pool lives as long as its bottom half.
        let bh = unsafe { aio_bh_new(ctx.as_ptr(), Some(report), pool.as_ptr().cast()) };
        // SAFETY: made above.
        unsafe { pool.as_ref() }.workers.to.bh.store(bh, Relaxed);
        pool
    }

    pub(crate) fn context(&self) -> NonNull<AioContext> {
        self.ctx
    }

    pub(crate) fn submit(&self, request: Request) {
        // Relaxed: a number, for the check in `free`.
        self.pending.fetch_add(1, Relaxed);
        self.workers.submit(request);
    }

    /// Cancels a request that no worker has taken; it is reported with `-ECANCELED`.
    pub(crate) fn cancel(&self, request: Request) {
        if self.workers.take_back(request) {
            request.set_result(-libc::ECANCELED);
            self.workers.to.done(request);
        }
    }

    /// Waits for the workers, and frees the pool.
    ///
    /// # Safety
    ///
    /// Made by [`Self::new`], and nobody uses it any more.
    pub(crate) unsafe fn free(pool: NonNull<Self>) {
        // SAFETY: live by this function's contract.
        let this = unsafe { pool.as_ref() };
        // Relaxed: nobody submits or reports any more.
        let pending = this.pending.load(Relaxed);
        if pending != 0 {
            misuse(LIBRARY, format_args!("thread_pool_free: {pending} requests are pending"));
        }
        this.workers.end();
        // SAFETY: made with the pool, and nobody schedules it any more.
        unsafe { qemu_bh_delete(this.workers.to.bh.load(Relaxed)) };
        // SAFETY: made by `new`.
        drop(unsafe { Box::from_raw(pool.as_ptr()) });
    }
}

/// The bottom half: reports what is done, in the order in which it was done.
unsafe extern "C" fn report(opaque: *mut c_void) {
    // SAFETY: the pool, which lives as long as its bottom half. A callback must not free it: it is
    // its context's.
    let pool = unsafe { &*opaque.cast::<Pool>() };
    let finished = &pool.workers.to;
    loop {
        let (next, more) = {
            let mut requests = locked(&finished.requests);
            (requests.pop_front(), !requests.is_empty())
        };
        let Some(request) = next else { break };
        if more {
            // For a callback that polls: it reports the others.
            finished.schedule();
        }
        // Relaxed: see `submit`.
        pool.pending.fetch_sub(1, Relaxed);
        request.report();
        // SAFETY: live, and this was the reference of the pool.
        unsafe { qemu_aio_unref(request.as_ptr().cast()) };
    }
    // Scheduled for callbacks that did not poll. Cancelled first and looked at then: a worker that
    // comes between the two schedules it again.
    // SAFETY: live, as the pool is.
    unsafe { qemu_bh_cancel(finished.bh.load(Relaxed)) };
    if !locked(&finished.requests).is_empty() {
        finished.schedule();
    }
}
