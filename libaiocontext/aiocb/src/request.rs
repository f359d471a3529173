//! The C struct of a request, by its address.

use std::ptr::NonNull;
use std::sync::atomic::{
    fence, AtomicI32,
    Ordering::{Acquire, Relaxed, Release},
};

use aio_notify::abi::BlockAIOCB;
use aio_notify::view;

use crate::LIBRARY;

view! {
    /// A request that lives for `'a`; this component alone changes its count.
    pub(crate) struct RequestRef(BlockAIOCB) {
        atomic refcnt as count: AtomicI32;
    }
}

/// Makes a request with room for this many bytes. Aborts if that is too little for it.
pub(crate) fn make(request: BlockAIOCB, size: usize) -> NonNull<BlockAIOCB> {
    if size < size_of::<BlockAIOCB>() {
        LIBRARY
            .misuse(format_args!("qemu_aio_get: aiocb_size {size} has no room for a BlockAIOCB"));
    }
    // SAFETY: the size is not 0.
    let memory = unsafe { libc::malloc(size) }.cast::<BlockAIOCB>();
    let memory = LIBRARY.not_null(memory, "qemu_aio_get", "memory");
    // SAFETY: enough memory, aligned by malloc, and nobody else knows it.
    unsafe { memory.write(request) };
    memory
}

impl RequestRef<'_> {
    /// Takes a reference.
    pub(crate) fn retain(self) {
        // Relaxed: the caller has a reference already.
        self.count().fetch_add(1, Relaxed);
    }

    /// Gives a reference back; frees the request with the last one.
    pub(crate) fn release(self) {
        // Release: pairs with the fence below, of the thread that has the last reference. Without it
        // the memory may be freed before this thread's last accesses to it.
        let before = self.count().fetch_sub(1, Release);
        if before < 1 {
            LIBRARY.misuse(format_args!("qemu_aio_unref: the request has no reference"));
        }
        if before == 1 {
            // Pairs with the subtractions of the others. Without it the memory may be freed before
            // their accesses.
            fence(Acquire);
            // SAFETY: made by `make` with malloc, and nobody has a reference.
            unsafe { libc::free(self.as_ptr().cast()) };
        }
    }
}
