//! The aiocb component of libaiocontext: counted asynchronous requests.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{
    fence, AtomicI32,
    Ordering::{Acquire, Relaxed, Release},
};

use aio_notify::abi::aio::BlockCompletionFunc;
use aio_notify::abi::opaque::BlockDriverState;
use aio_notify::abi::{AIOCBInfo, BlockAIOCB};
use aio_notify::shared::check::{misuse, not_null};

/// What every message of the library starts with.
const LIBRARY: &str = "aiocontext";

/// The count of a live request.
///
/// # Safety
///
/// `p` is NULL (aborts) or a request that lives for `'a`.
unsafe fn count<'a>(p: *mut c_void, function: &str) -> &'a AtomicI32 {
    let acb = not_null(LIBRARY, p, function, "p").as_ptr().cast::<BlockAIOCB>();
    // SAFETY: a live request by this function's contract.
    let refcnt = unsafe { &raw mut (*acb).refcnt };
    // SAFETY: live and aligned; these functions alone change it.
    unsafe { AtomicI32::from_ptr(refcnt) }
}

/// Makes a request of `aiocb_info->aiocb_size` bytes, which starts with a `BlockAIOCB`; what follows
/// that is not initialised. It has one reference, which `qemu_aio_unref()` gives back. Any thread.
///
/// Returns it. Aborts if there is no memory.
///
/// # Safety
///
/// `aiocb_info` must not be NULL (aborts) and must live as long as the request; its size must be that
/// of a `BlockAIOCB` or more (aborts).
#[no_mangle]
pub unsafe extern "C" fn qemu_aio_get(
    aiocb_info: *const AIOCBInfo,
    bs: *mut BlockDriverState,
    cb: BlockCompletionFunc,
    opaque: *mut c_void,
) -> *mut c_void {
    let info = not_null(LIBRARY, aiocb_info.cast_mut(), "qemu_aio_get", "aiocb_info");
    // SAFETY: live by this function's contract.
    let size = unsafe { (*info.as_ptr()).aiocb_size };
    if size < size_of::<BlockAIOCB>() {
        misuse(
            LIBRARY,
            format_args!("qemu_aio_get: aiocb_size {size} has no room for a BlockAIOCB"),
        );
    }
    // SAFETY: the size is not 0.
    let memory = unsafe { libc::malloc(size) }.cast::<BlockAIOCB>();
    let memory = not_null(LIBRARY, memory, "qemu_aio_get", "memory");
    let acb = BlockAIOCB { aiocb_info, bs, cb, opaque, refcnt: 1 };
    // SAFETY: enough memory, aligned by malloc, and nobody else knows it.
    unsafe { memory.as_ptr().write(acb) };
    memory.as_ptr().cast()
}

/// Takes a reference to a request. Any thread.
///
/// # Safety
///
/// `p` must not be NULL (aborts) and must be a live request.
#[no_mangle]
pub unsafe extern "C" fn qemu_aio_ref(p: *mut c_void) {
    // SAFETY: a live request by this function's contract.
    // Relaxed: whoever takes a reference has one already.
    unsafe { count(p, "qemu_aio_ref") }.fetch_add(1, Relaxed);
}

/// Gives a reference back; the last one frees the request. Any thread.
///
/// # Safety
///
/// `p` must not be NULL (aborts) and must be a live request; the caller has a reference.
#[no_mangle]
pub unsafe extern "C" fn qemu_aio_unref(p: *mut c_void) {
    // SAFETY: a live request by this function's contract.
    let count: &AtomicI32 = unsafe { count(p, "qemu_aio_unref") };
    // Release: pairs with the fence below, of whoever has the last reference. Without it what this
    // thread did to the request could come after it was freed.
    let before: c_int = count.fetch_sub(1, Release);
    if before < 1 {
        misuse(LIBRARY, format_args!("qemu_aio_unref: the request has no reference"));
    }
    if before == 1 {
        // Pairs with the subtractions of the others.
        fence(Acquire);
        // SAFETY: made by `qemu_aio_get` with malloc, and nobody has a reference.
        unsafe { libc::free(p) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn the_last_reference_frees() {
        let info = AIOCBInfo {
            cancel_async: None,
            get_aio_context: None,
            aiocb_size: size_of::<BlockAIOCB>(),
        };
        // SAFETY: the info lives as long as the request.
        let p = unsafe { qemu_aio_get(&raw const info, ptr::null_mut(), None, ptr::null_mut()) };
        // SAFETY: made above.
        unsafe { qemu_aio_ref(p) };
        // SAFETY: has two references.
        assert_eq!(unsafe { (*p.cast::<BlockAIOCB>()).refcnt }, 2);
        // SAFETY: has two references.
        unsafe { qemu_aio_unref(p) };
        // SAFETY: has one reference.
        assert_eq!(unsafe { (*p.cast::<BlockAIOCB>()).refcnt }, 1);
        // SAFETY: has one reference.
        unsafe { qemu_aio_unref(p) };
    }
}
