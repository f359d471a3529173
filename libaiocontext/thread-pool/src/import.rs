//! The functions of other components that this one calls, each by its C symbol, so that a
//! program's own definition is the one that is called. Safe are those that ask for no more than a
//! live bottom half.

use std::ffi::c_void;

use aio_notify::abi::aio::{BlockCompletionFunc, QEMUBHFunc};
use aio_notify::abi::opaque::{BlockDriverState, QEMUBH};
use aio_notify::abi::AIOCBInfo;
use aio_notify::ffi::ContextRef;
use aio_notify::view;

view! {
    /// A bottom half that lives for `'a`.
    pub(crate) struct BhRef(QEMUBH) {}
}

unsafe extern "C" {
    pub(crate) unsafe fn aio_bh_new(
        ctx: ContextRef<'_>,
        cb: QEMUBHFunc,
        opaque: *mut c_void,
    ) -> BhRef<'static>;
    pub(crate) unsafe fn qemu_aio_get(
        aiocb_info: *const AIOCBInfo,
        bs: *mut BlockDriverState,
        cb: BlockCompletionFunc,
        opaque: *mut c_void,
    ) -> *mut c_void;
    pub(crate) unsafe fn qemu_aio_unref(p: *mut c_void);
    pub(crate) safe fn qemu_bh_cancel(bh: BhRef<'_>);
    pub(crate) unsafe fn qemu_bh_delete(bh: BhRef<'_>);
    pub(crate) safe fn qemu_bh_schedule(bh: BhRef<'_>);
}
