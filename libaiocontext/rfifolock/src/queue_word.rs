//! The word that has `head` and `tail`, in the C struct.

use core::mem::offset_of;
use core::sync::atomic::AtomicU64;

use aio_notify::abi::RFifoLock;
use aio_notify::ffi::LockRef;

const _: () = assert!(offset_of!(RFifoLock, head) % align_of::<AtomicU64>() == 0);
const _: () = assert!(offset_of!(RFifoLock, tail) == offset_of!(RFifoLock, head) + 4);
const _: () = assert!(align_of::<RFifoLock>() >= align_of::<AtomicU64>());

/// What the functions of `queue.rs` work on.
#[inline]
pub(crate) fn queue_of(lock: LockRef<'_>) -> &AtomicU64 {
    // From the struct, so that the pointer may be used for both members.
    let lock = lock.as_ptr().cast::<u8>();
    // SAFETY: within the struct.
    let head = unsafe { lock.add(offset_of!(RFifoLock, head)) }.cast::<u64>();
    // SAFETY: the two members side by side, aligned as proved above; all writes go through this word.
    unsafe { AtomicU64::from_ptr(head) }
}
