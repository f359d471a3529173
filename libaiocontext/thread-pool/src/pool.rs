//! A pool: its pending requests, its workers, and the bottom half that starts the first worker and
//! reports what is done.
//!
//! A child process has none of its parent's workers, and cannot trust what they were changing at the
//! fork. So the requests are also in a list of their own, which workers do not touch, and each has a
//! state. From these a child makes a crew of its own, the next time that the pool is used or its loop
//! polls.

use std::ffi::c_void;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;
use std::sync::Arc;

use aio_notify::abi::opaque::ThreadPool;
use aio_notify::argument;
use aio_notify::ffi::{ContextRef, View};
use aiocontext_fork::{ChildHook, ForkMutex, ForkMutexGuard};

use crate::import::{aio_bh_new, qemu_bh_delete, qemu_bh_schedule, BhRef};
use crate::pending::Pending;
use crate::request::{Request, State};
use crate::workers::Crew;
use crate::LIBRARY;

/// A `ThreadPool`.
pub(crate) struct Pool {
    ctx: ContextRef<'static>,
    /// Workers do not take it.
    inner: ForkMutex<Inner>,
    hook: ChildHook,
}

struct Inner {
    /// Not dropped in a child: the parent's may be half changed.
    crew: ManuallyDrop<Arc<Crew>>,
    /// The crew's bottom half.
    bh: PoolBh,
    /// The bottom half of a child's crew. Nobody schedules it in this process: a worker that is
    /// about to schedule the other one would leave it unusable in a child.
    childs_bh: PoolBh,
    pending: Pending,
}

/// A bottom half of a pool, deleted when it is dropped.
struct PoolBh(BhRef<'static>);

impl PoolBh {
    /// # Safety
    ///
    /// The pool is there when the bottom half is first scheduled, and lives as long as it does. Nobody
    /// schedules the bottom half once it has been dropped.
    unsafe fn new(ctx: ContextRef<'_>, pool: *const Pool) -> Self {
        // SAFETY: by this function's contract.
        Self(unsafe { aio_bh_new(ctx, Some(serve), pool.cast_mut().cast()) })
    }
}

impl Drop for PoolBh {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and not used any more.
        unsafe { qemu_bh_delete(self.0) };
    }
}

impl View for &Pool {
    type Of = ThreadPool;

    unsafe fn new(pool: NonNull<ThreadPool>) -> Self {
        // SAFETY: a live pool, by the trait's contract.
        unsafe { pool.cast::<Pool>().as_ref() }
    }
}

impl Pool {
    /// Makes a pool whose completions run in the loop of `ctx`.
    ///
    /// `ctx` lives as long as the pool.
    pub(crate) fn new(ctx: ContextRef<'static>) -> NonNull<Self> {
        let pool = NonNull::from(Box::leak(Box::<Self>::new_uninit())).cast::<Self>();
        // SAFETY: the pool is there before anybody schedules it.
        let bh = unsafe { PoolBh::new(ctx, pool.as_ptr()) };
        // SAFETY: as above.
        let childs_bh = unsafe { PoolBh::new(ctx, pool.as_ptr()) };
        // It lives as long as the pool, and only `renew` puts another in its place.
        let crew = ManuallyDrop::new(Crew::new(bh.0));
        let inner = Inner { crew, bh, childs_bh, pending: Pending::new() };
        let hook = ChildHook::new(in_child, pool.as_ptr().cast());
        // SAFETY: memory for a pool.
        unsafe { pool.write(Self { ctx, inner: ForkMutex::new(inner), hook }) };
        // SAFETY: written above.
        let this = unsafe { pool.as_ref() };
        // SAFETY: it stays where it is until the pool has unregistered it.
        unsafe { this.hook.register() };
        pool
    }

    /// The pool of a request.
    pub(crate) fn of<'a>(request: Request) -> &'a Self {
        // SAFETY: a pool lives as long as its requests.
        unsafe { View::new(request.pool()) }
    }

    /// The pool by the pointer that C has.
    pub(crate) fn pointer(&self) -> NonNull<ThreadPool> {
        NonNull::from(self).cast()
    }

    pub(crate) fn context(&self) -> ContextRef<'static> {
        self.ctx
    }

    fn lock(&self) -> ForkMutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        if inner.was_broken() {
            inner.pending.write_hints();
        }
        inner
    }

    /// The crew of this process.
    fn crew(&self) -> Arc<Crew> {
        let crew = {
            let inner = self.lock();
            inner.crew.is_here().then(|| Arc::clone(&inner.crew))
        };
        crew.unwrap_or_else(|| self.renew())
    }

    /// Makes the crew of a child process, with what its parent's workers had not ended.
    #[cold]
    fn renew(&self) -> Arc<Crew> {
        // With nothing held, as it is the program's function.
        // SAFETY: the pool lives as long as its bottom halves.
        let new = unsafe { PoolBh::new(self.ctx, self) };
        let mut inner = self.lock();
        if inner.crew.is_here() {
            // Another thread of the child has been faster.
            let crew = Arc::clone(&inner.crew);
            drop(inner);
            drop(new);
            return crew;
        }
        // Live until the pool goes, or a child of this process renews it.
        let crew = Crew::new(inner.childs_bh.0);
        for request in inner.pending.iter() {
            match request.state() {
                State::Queued => crew.inherit(request),
                State::Running => {
                    request.finish(-libc::ECANCELED);
                    crew.add_finished(request);
                }
                State::Done => crew.add_finished(request),
            }
        }
        let childs = mem::replace(&mut inner.childs_bh, new);
        let parents = mem::replace(&mut inner.bh, childs);
        // The parent's is forgotten.
        inner.crew = ManuallyDrop::new(Arc::clone(&crew));
        drop(inner);
        crew.schedule();
        // The parent's workers, which would schedule it, are not in this process.
        drop(parents);
        crew
    }

    pub(crate) fn submit(&self, request: Request) {
        let crew = self.crew();
        self.lock().pending.append(request);
        crew.submit(request);
    }

    /// Cancels a request that no worker has taken; it is reported with `-ECANCELED`.
    pub(crate) fn cancel(&self, request: Request) {
        let crew = self.crew();
        if crew.take_back(request) {
            crew.finish(request, -libc::ECANCELED);
        }
    }

    /// Starts a worker if one is wanted, and reports what is done, in the order in which it was
    /// done.
    fn serve(&self) {
        let mut scheduled = false;
        loop {
            // Each time: a callback may have forked.
            let crew = self.crew();
            if scheduled {
                // Before the look at what there is. A worker that comes after the look schedules it
                // again.
                crew.unschedule();
            }
            crew.start_wanted();
            let Some((request, more)) = crew.next_finished() else { break };
            self.lock().pending.remove(request);
            if more {
                // For a callback that polls: it reports the others.
                crew.schedule();
            }
            scheduled = more;
            request.report();
            request.release();
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
        let mut inner = this.lock();
        let mut forgotten = Vec::new();
        let crew = if inner.crew.is_here() {
            let pending = inner.pending.iter().count();
            if pending != 0 {
                LIBRARY.misuse(format_args!("thread_pool_free: {pending} requests are pending"));
            }
            // SAFETY: it is not used any more.
            Some(unsafe { ManuallyDrop::take(&mut inner.crew) })
        } else {
            // A child that has not used the pool owes nothing for its parent's requests.
            forgotten.extend(inner.pending.iter());
            None
        };
        drop(inner);
        // SAFETY: registered by `new`.
        unsafe { this.hook.unregister() };
        if let Some(crew) = crew {
            crew.end();
        }
        for request in forgotten {
            request.release();
        }
        // Its bottom halves go with it: nobody schedules them any more.
        // SAFETY: made by `new` from a box. The crew is taken, or forgotten.
        drop(unsafe { Box::from_raw(pool.as_ptr()) });
    }
}

/// The bottom halves' callback.
unsafe extern "C" fn serve(opaque: *mut c_void) {
    // The pool lives as long as its bottom halves. A callback must not free it: it is its context's.
    let pool = opaque.cast();
    argument!(LIBRARY, serve(pool): &Pool).serve();
}

/// Called once in each child: has the loop look at requests that the parent's workers had.
unsafe fn in_child(pool: *mut c_void) {
    // The pool unregisters its hook before it goes.
    let pool = pool.cast();
    let pool = argument!(LIBRARY, in_child(pool): &Pool);
    let inner = pool.lock();
    let bh = (!inner.pending.is_empty()).then_some(inner.childs_bh.0);
    drop(inner);
    if let Some(bh) = bh {
        qemu_bh_schedule(bh);
    }
}
