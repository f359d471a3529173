//! The functions that C programs call, under their C names.

use std::ffi::c_void;

use aio_notify::abi::aio::BlockCompletionFunc;
use aio_notify::abi::opaque::BlockDriverState;
use aio_notify::abi::{AIOCBInfo, BlockAIOCB};
use aio_notify::argument;

use crate::request::{self, RequestRef};
use crate::LIBRARY;

/// Makes a request of `aiocb_info->aiocb_size` bytes. It starts with a BlockAIOCB; the rest is not
/// initialised. It has one reference, which `qemu_aio_unref()` drops. `bs` and `cb` may be NULL.
///
/// # Returns
///
/// The request. Aborts if there is no memory.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `aiocb_info` must not be NULL (aborts) and must live as long as the request; its size must be
/// that of a BlockAIOCB or more (aborts).
#[no_mangle]
pub unsafe extern "C" fn qemu_aio_get(
    aiocb_info: *const AIOCBInfo,
    bs: *mut BlockDriverState,
    cb: BlockCompletionFunc,
    opaque: *mut c_void,
) -> *mut c_void {
    let info = LIBRARY.not_null(aiocb_info.cast_mut(), "qemu_aio_get", "aiocb_info");
    // SAFETY: live by this function's contract.
    let size = unsafe { (*info.as_ptr()).aiocb_size };
    request::make(BlockAIOCB { aiocb_info, bs, cb, opaque, refcnt: 1 }, size).as_ptr().cast()
}

/// Takes a reference to a request.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `p` must not be NULL (aborts) and must be a live request.
#[no_mangle]
pub unsafe extern "C" fn qemu_aio_ref(p: *mut c_void) {
    let p = p.cast();
    argument!(LIBRARY, qemu_aio_ref(p): RequestRef<'_>).retain();
}

/// Drops a reference; dropping the last one frees the request. The thread that drops the last one
/// sees what every other thread did to the request before it dropped its own.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `p` must not be NULL (aborts) and must be a live request on which the caller holds a reference
/// (aborts if there is none).
#[no_mangle]
pub unsafe extern "C" fn qemu_aio_unref(p: *mut c_void) {
    let p = p.cast();
    argument!(LIBRARY, qemu_aio_unref(p): RequestRef<'_>).release();
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
