//! A request: a `BlockAIOCB` with its work.

use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicI32, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use aio_notify::abi::aio::BlockCompletionFunc;
use aio_notify::abi::opaque::ThreadPool;
use aio_notify::abi::thread_pool::ThreadPoolFunc;
use aio_notify::abi::BlockAIOCB;
use aio_notify::ffi::View;
use aio_notify::view;
use aiocontext_fork::{Linked, Links};

use crate::import::qemu_aio_unref;

/// The memory of a request, which `qemu_aio_get` makes and the last reference frees.
#[repr(C)]
pub(crate) struct Element {
    /// Whose count C may change at any time: there is no reference to it.
    common: BlockAIOCB,
    own: Own,
}

view! {
    /// What all requests start with.
    struct CommonRef(BlockAIOCB) {
        fixed cb as cb: BlockCompletionFunc;
        fixed opaque as opaque: *mut c_void;
    }
}

/// What is the component's own.
pub(crate) struct Own {
    pool: NonNull<ThreadPool>,
    func: ThreadPoolFunc,
    arg: *mut c_void,
    /// Its place among the pool's pending requests. Within the pool's lock.
    links: Links<Own>,
    /// Its place in the queue of the workers. Within the queue's lock.
    place: AtomicU64,
    /// One of [`State`], all that a child process knows of what the workers were doing.
    state: AtomicU32,
    /// What to report, once it is done.
    result: AtomicI32,
}

impl Linked for Own {
    fn links(&self) -> &Links<Self> {
        &self.links
    }
}

/// How far a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum State {
    /// No worker has started it.
    Queued,
    /// A worker has, or is just about to.
    Running,
    /// Its result is there.
    Done,
}

/// A request that lives: it has a reference until its completion is reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Request(NonNull<Element>);

// SAFETY: `thread_pool_submit_aio` has the program see to it that any thread may run the work; what
// threads share of the rest is atomic.
unsafe impl Send for Request {}

impl View for Request {
    type Of = BlockAIOCB;

    /// A request of this component, whose pool lives as long.
    unsafe fn new(acb: NonNull<BlockAIOCB>) -> Self {
        Self(acb.cast())
    }
}

impl Request {
    /// The request of which a pool's list has this part.
    ///
    /// # Safety
    ///
    /// `own` comes from [`Self::own_pointer`] of a request that lives.
    pub(crate) unsafe fn of(own: NonNull<Own>) -> Self {
        // SAFETY: within the request's memory, by this function's contract.
        Self(unsafe { own.byte_sub(offset_of!(Element, own)) }.cast())
    }

    pub(crate) fn own_pointer(self) -> NonNull<Own> {
        // SAFETY: within the request's memory.
        unsafe { self.0.byte_add(offset_of!(Element, own)) }.cast()
    }

    fn own<'a>(self) -> &'a Own {
        // SAFETY: a live request, by the type's contract; what changes in this part is atomic.
        unsafe { self.own_pointer().as_ref() }
    }

    /// The pool that it was submitted to.
    pub(crate) fn pool(self) -> NonNull<ThreadPool> {
        self.own().pool
    }

    /// Writes what follows the `BlockAIOCB`.
    pub(crate) fn init(self, pool: NonNull<ThreadPool>, func: ThreadPoolFunc, arg: *mut c_void) {
        let own = Own {
            pool,
            func,
            arg,
            links: Links::new(),
            place: AtomicU64::new(0),
            state: AtomicU32::new(State::Queued as u32),
            result: AtomicI32::new(0),
        };
        // SAFETY: memory for this part, which nobody else uses yet.
        unsafe { self.own_pointer().write(own) };
    }

    pub(crate) fn place(self) -> u64 {
        // Relaxed: within the queue's lock.
        self.own().place.load(Relaxed)
    }

    pub(crate) fn set_place(self, place: u64) {
        // Relaxed: within the queue's lock.
        self.own().place.store(place, Relaxed);
    }

    pub(crate) fn state(self) -> State {
        // Acquire: pairs with the release in `finish`. Without it the result might not be seen.
        match self.own().state.load(Acquire) {
            queued if queued == State::Queued as u32 => State::Queued,
            running if running == State::Running as u32 => State::Running,
            _ => State::Done,
        }
    }

    /// Before the work.
    pub(crate) fn start(self) {
        // Release: pairs with a fork, by which a child sees the stores of this thread up to some
        // one. The work comes after it, so a child does not run again what has begun.
        self.own().state.store(State::Running as u32, Release);
    }

    /// Does the work, and returns its result.
    pub(crate) fn run(self) -> c_int {
        let own = self.own();
        // SAFETY: the program's function with its argument; nothing is held.
        own.func.map_or(0, |func| unsafe { func(own.arg) })
    }

    /// After the work, or instead of it.
    pub(crate) fn finish(self, result: c_int) {
        // Relaxed: the release below orders it.
        self.own().result.store(result, Relaxed);
        // Release: pairs with the acquire in `state`, and with a fork as in `start`. Without it a
        // child might report a result that it does not have.
        self.own().state.store(State::Done as u32, Release);
    }

    /// Gives the pool's reference back, once: when the request has been reported, or is forgotten.
    pub(crate) fn release(self) {
        // SAFETY: a live request, and the pool has had the reference that it was made with.
        unsafe { qemu_aio_unref(self.0.as_ptr().cast()) };
    }

    /// Calls the completion callback.
    pub(crate) fn report(self) {
        // Relaxed: the finished requests' lock orders it.
        let result = self.own().result.load(Relaxed);
        // SAFETY: a live request, which starts with it.
        let common = unsafe { CommonRef::new(self.0.cast()) };
        if let Some(cb) = common.cb() {
            // SAFETY: the program's callback with its argument; nothing is held.
            unsafe { cb(common.opaque(), result) };
        }
    }
}
