//! The functions that C programs call, under their C names.

use core::ffi::c_void;

use aio_notify::abi::RFifoLock;
use aio_notify::ffi::LockRef;
use aio_notify::{argument, hidden_names};

use crate::{c_lock, ticket, LIBRARY};

/// Initialises a lock, which nobody holds. If `cb` is not NULL, a thread that finds the lock taken
/// calls `cb(opaque)` before each wait, to ask the owner for the lock. By then the thread has its
/// place in the queue (`tail - head` counts it) and holds nothing.
///
/// # Threads
///
/// Any thread, while nobody else uses the lock; not signal handlers.
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to memory for an RFifoLock; any thread that takes
/// the lock may call `cb` with `opaque`.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_init(
    r: *mut RFifoLock,
    cb: Option<unsafe extern "C" fn(opaque: *mut c_void)>,
    opaque: *mut c_void,
) {
    let r = LIBRARY.not_null(r, "rfifolock_init", "r");
    // SAFETY: memory for a lock that nobody else uses yet.
    if let Err(errno) = unsafe { c_lock::init(r, cb, opaque) } {
        LIBRARY.misuse(format_args!("rfifolock_init: cannot make a mutex: errno {errno}"));
    }
}

/// Releases what `rfifolock_init()` allocated. A thread that has released the lock may still be
/// returning from `rfifolock_unlock()`.
///
/// # Threads
///
/// Any thread, while nobody holds the lock or waits for it (aborts); not signal handlers.
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to an initialised lock, which is not used again.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_destroy(r: *mut RFifoLock) {
    let lock = argument!(LIBRARY, rfifolock_destroy(r): LockRef<'_>);
    if !ticket::is_free(lock) {
        LIBRARY
            .misuse(format_args!("rfifolock_destroy: the lock is held, or somebody waits for it"));
    }
    c_lock::destroy(lock);
}

/// Takes the lock, after all threads that came before; the owner may take it again. Taking a free
/// lock, or taking it again, uses no mutex and no system call.
///
/// # Threads
///
/// Any thread; not signal handlers. Not a cancellation point, unless the lock's callback has
/// one.
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to an initialised lock, which lives until the
/// thread has released it.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_lock(r: *mut RFifoLock) {
    ticket::lock(argument!(LIBRARY, rfifolock_lock(r): LockRef<'_>));
}

/// Undoes one `rfifolock_lock()` of the calling thread. The last one hands the lock to the thread
/// that has waited longest. Once another thread can have the lock, the call no longer touches it:
/// the next owner may destroy it.
///
/// # Threads
///
/// Only the owner (aborts); not signal handlers.
///
/// # Safety
///
/// `r` must not be NULL (aborts) and must point to an initialised lock.
#[no_mangle]
pub unsafe extern "C" fn rfifolock_unlock(r: *mut RFifoLock) {
    if !ticket::unlock(argument!(LIBRARY, rfifolock_unlock(r): LockRef<'_>)) {
        LIBRARY.misuse(format_args!("rfifolock_unlock: the calling thread is not the owner"));
    }
}

/// In a child process: forgets the threads that waited for the lock in the parent, because the child
/// does not have them. The owner stays the owner.
///
/// # Safety
///
/// Nobody else uses the lock.
pub(crate) unsafe extern "C" fn renew(lock: LockRef<'_>) {
    c_lock::forget_waiters(lock);
    if let Err(errno) = c_lock::init_waiting(lock) {
        LIBRARY.misuse(format_args!("rfifolock: cannot make a mutex: errno {errno}"));
    }
}

// For the async component.
hidden_names! {
    "aiocontext_rfifolock_renew" = renew;
    "aiocontext_rfifolock_rfifolock_lock" = rfifolock_lock;
}
