//! A request: a `BlockAIOCB` with its work.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use aio_notify::abi::thread_pool::ThreadPoolFunc;
use aio_notify::abi::BlockAIOCB;

use crate::pool::Pool;

/// The memory of a request, which `qemu_aio_get` makes and the last reference frees.
#[repr(C)]
pub(crate) struct Element {
    pub(crate) common: BlockAIOCB,
    pub(crate) pool: NonNull<Pool>,
    func: ThreadPoolFunc,
    arg: *mut c_void,
    /// Its place in the queue of the workers.
    pub(crate) place: u64,
    result: c_int,
}

/// A request that lives: it has a reference until its completion is reported. Its members belong to
/// whoever holds it: the queue, then a worker, then the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Request(NonNull<Element>);

// SAFETY: `thread_pool_submit_aio` has the program see to it that any thread may run the work.
unsafe impl Send for Request {}

impl Request {
    /// # Safety
    ///
    /// `pointer` is a request of this component, as the type describes it.
    pub(crate) unsafe fn new(pointer: NonNull<Element>) -> Self {
        Self(pointer)
    }

    pub(crate) fn as_ptr(self) -> *mut Element {
        self.0.as_ptr()
    }

    /// Writes what follows the `BlockAIOCB`.
    pub(crate) fn init(self, pool: NonNull<Pool>, func: ThreadPoolFunc, arg: *mut c_void) {
        let memory = self.as_ptr();
        // SAFETY: `qemu_aio_get` has written this part of the memory.
        let common = unsafe { memory.cast::<BlockAIOCB>().read() };
        let element = Element { common, pool, func, arg, place: 0, result: 0 };
        // SAFETY: memory for a request, which nobody else uses yet.
        unsafe { memory.write(element) };
    }

    pub(crate) fn place(self) -> u64 {
        // SAFETY: a live request; read and written with the queue's lock held.
        unsafe { (*self.as_ptr()).place }
    }

    pub(crate) fn set_place(self, place: u64) {
        // SAFETY: a live request; read and written with the queue's lock held.
        unsafe { (*self.as_ptr()).place = place };
    }

    /// Does the work.
    pub(crate) fn run(self) {
        // SAFETY: a live request that only the calling worker has.
        let func = unsafe { (*self.as_ptr()).func };
        // SAFETY: as above.
        let arg = unsafe { (*self.as_ptr()).arg };
        if let Some(func) = func {
            // SAFETY: the program's function with its argument; nothing is held.
            self.set_result(unsafe { func(arg) });
        }
    }

    pub(crate) fn set_result(self, result: c_int) {
        // SAFETY: a live request that only the caller has.
        unsafe { (*self.as_ptr()).result = result };
    }

    /// Calls the completion callback.
    pub(crate) fn report(self) {
        // SAFETY: a live request that only the loop has by now.
        let cb = unsafe { (*self.as_ptr()).common.cb };
        // SAFETY: as above.
        let opaque = unsafe { (*self.as_ptr()).common.opaque };
        // SAFETY: as above.
        let result = unsafe { (*self.as_ptr()).result };
        if let Some(cb) = cb {
            // SAFETY: the program's callback with its argument; nothing is held.
            unsafe { cb(opaque, result) };
        }
    }
}
