//! The rfifolock component of libaiocontext: a recursive lock, first come first served.

#![no_std]

#[cfg(test)]
extern crate std;

mod members;
mod ticket;

#[cfg(target_pointer_width = "64")]
mod queue;
#[cfg(target_pointer_width = "64")]
mod sync;
#[cfg(target_pointer_width = "64")]
mod word;
// 32-bit machines have no such word, or do not align the struct for it.
#[cfg(not(target_pointer_width = "64"))]
#[path = "queue_under_mutex.rs"]
mod queue;

#[cfg(test)]
mod tests;

use core::ffi::c_void;
use core::ptr::NonNull;

use aio_notify::abi::RFifoLock;
use aio_notify::shared::check::{misuse, not_null};

use members::LockRef;

/// What every message of the library starts with.
const LIBRARY: &str = "aiocontext";

/// The lock behind an argument, after the check that it is not NULL.
///
/// # Safety
///
/// `r` is NULL (aborts) or points to a lock that lives until the caller returns or hands it over.
#[inline]
unsafe fn checked<'a>(r: *mut RFifoLock, function: &str) -> LockRef<'a> {
    let r: NonNull<RFifoLock> = not_null(LIBRARY, r, function, "r");
    // SAFETY: live by this function's contract.
    unsafe { LockRef::new(r) }
}

/// Initialises a lock, which nobody holds.
///
/// `cb(opaque)`, where not NULL, is called by a thread that finds the lock taken, before each time
/// that it waits; it has its place in the queue by then (`tail - head` counts it) and holds
/// nothing. Any thread; nobody else may use `*r` yet.
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to memory for an RFifoLock; `cb` may be called
/// with `opaque` from any thread that takes the lock.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_init(
    r: *mut RFifoLock,
    cb: Option<unsafe extern "C" fn(opaque: *mut c_void)>,
    opaque: *mut c_void,
) {
    let r = not_null(LIBRARY, r, "rfifolock_init", "r");
    // SAFETY: memory for a lock that nobody else uses yet.
    if let Err(errno) = unsafe { members::init(r, cb, opaque) } {
        misuse(LIBRARY, format_args!("rfifolock_init: cannot make a mutex: errno {errno}"));
    }
}

/// Releases what [`rfifolock_init`] took.
///
/// Nobody may hold the lock or wait for it (aborts). Who has given it up may still be on the way
/// out of [`rfifolock_unlock`].
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to an initialised lock, which is not used again.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_destroy(r: *mut RFifoLock) {
    // SAFETY: the same contract.
    let lock = unsafe { checked(r, "rfifolock_destroy") };
    if !ticket::is_free(lock) {
        misuse(
            LIBRARY,
            format_args!("rfifolock_destroy: the lock is held, or somebody waits for it"),
        );
    }
    lock.destroy();
}

/// Takes the lock, after all who came before; its owner may take it again.
///
/// Any thread; not from signal handlers. Free, or taken again, it costs no lock and no system
/// call.
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to an initialised lock that lives until the thread
/// has given it up again.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_lock(r: *mut RFifoLock) {
    // SAFETY: the same contract.
    ticket::lock(unsafe { checked(r, "rfifolock_lock") });
}

/// Undoes one [`rfifolock_lock`] of the calling thread; the last one hands the lock over.
///
/// The owner only (aborts); not from signal handlers. Once another thread can have the lock, this
/// no longer touches it: whoever takes it next may destroy it.
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to an initialised lock.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_unlock(r: *mut RFifoLock) {
    // SAFETY: the same contract.
    if !ticket::unlock(unsafe { checked(r, "rfifolock_unlock") }) {
        misuse(LIBRARY, format_args!("rfifolock_unlock: the calling thread is not the owner"));
    }
}
