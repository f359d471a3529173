//! The parts of a lock in the C struct.

use core::ffi::{c_int, c_void};
use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aio_notify::abi::RFifoLock;
use aio_notify::ffi::thread::{self, set_cancel_state, CANCEL_DISABLE};
use aio_notify::ffi::{LockRef, View};
use libc::pthread_t;

use crate::queue;
#[cfg(not(target_pointer_width = "64"))]
use crate::queue::queue_of;
#[cfg(target_pointer_width = "64")]
use crate::queue_word::queue_of;
use crate::ticket::{LockParts, Ticket, NOBODY};
use crate::LIBRARY;

// The owner is kept in an atomic word. Its 0 is nobody: on the systems with `pthread_t` of this
// size it is the address of the thread's own block.
const _: () = assert!(size_of::<pthread_t>() == size_of::<usize>());
const _: () = assert!(align_of::<pthread_t>() == align_of::<usize>());

/// Calls a function of the C library on a lock's mutex and condition variable.
macro_rules! pthread {
    ($function:ident($($argument:expr),*)) => {
        // SAFETY: within a live lock, by the contract of `LockRef`. They are memory for
        // `init_waiting`, and initialised for all others. The algorithm in `ticket` unlocks what it
        // has locked, and destroys what nobody uses.
        unsafe { libc::$function($($argument),*) }
    };
}

/// Fills in a lock. The error is an `errno`.
///
/// # Safety
///
/// `r` points to memory for a lock that nobody else uses yet.
pub(crate) unsafe fn init(
    r: NonNull<RFifoLock>,
    cb: Option<unsafe extern "C" fn(opaque: *mut c_void)>,
    opaque: *mut c_void,
) -> Result<(), c_int> {
    // SAFETY: all members may be 0.
    let mut lock = unsafe { mem::zeroed::<RFifoLock>() };
    lock.cb = cb;
    lock.cb_opaque = opaque;
    // SAFETY: valid memory by this function's contract, and nobody else uses it yet.
    unsafe { r.write(lock) };
    // SAFETY: all of it has a value now.
    init_waiting(unsafe { LockRef::new(r) })
}

fn result(errno: c_int) -> Result<(), c_int> {
    if errno == 0 {
        Ok(())
    } else {
        Err(errno)
    }
}

/// Aborts where a call on a mutex fails, which it does not on one that was initialised.
#[inline]
fn succeed(errno: c_int) {
    if errno != 0 {
        broken(errno);
    }
}

#[cold]
fn broken(errno: c_int) -> ! {
    LIBRARY.misuse(format_args!("rfifolock: the lock is not initialised: errno {errno}"))
}

#[inline]
fn owner_word(lock: LockRef<'_>) -> &AtomicUsize {
    // SAFETY: of a word's size and alignment, as proved above; all access it atomically.
    unsafe { AtomicUsize::from_ptr(lock.owner_place().cast()) }
}

/// Makes the mutex and the condition variable, which nobody uses. The error is an `errno`.
pub(crate) fn init_waiting(lock: LockRef<'_>) -> Result<(), c_int> {
    // NULL is the default kind.
    result(pthread!(pthread_mutex_init(lock.mutex(), core::ptr::null())))?;
    result(pthread!(pthread_cond_init(lock.cond(), core::ptr::null())))
}

/// Takes back the tickets of all who wait. Nobody else uses the lock.
pub(crate) fn forget_waiters(lock: LockRef<'_>) {
    let held = u32::from(lock.owner() != NOBODY);
    // Relaxed: nobody else uses the lock.
    lock.tail_word().store(lock.head().wrapping_add(held), Relaxed);
}

/// Destroys the mutex and the condition variable.
pub(crate) fn destroy(lock: LockRef<'_>) {
    // Nobody waits.
    succeed(pthread!(pthread_cond_destroy(lock.cond())));
    // Nobody holds it: the last owner of a lock that is free no longer touches it.
    succeed(pthread!(pthread_mutex_destroy(lock.mutex())));
}

impl LockParts for LockRef<'_> {
    #[inline]
    fn take_ticket(self) -> Ticket {
        queue::take_ticket(queue_of(self))
    }

    #[inline]
    fn give_up_unless_awaited(self) -> bool {
        queue::give_up_unless_awaited(queue_of(self))
    }

    fn head(self) -> u32 {
        queue::head(queue_of(self))
    }

    fn tail(self) -> u32 {
        queue::tail(queue_of(self))
    }

    fn serve_next(self) {
        queue::serve_next(queue_of(self));
    }

    #[inline]
    fn this_thread(self) -> usize {
        thread::this_thread() as usize
    }

    #[inline]
    fn owner(self) -> usize {
        // Relaxed: a thread finds its own name only if it has written it and not removed it since, and
        // it sees its own writes in order. Which other thread owns the lock does not matter.
        owner_word(self).load(Relaxed)
    }

    #[inline]
    fn set_owner(self, thread: usize) {
        // Relaxed: see `owner`.
        owner_word(self).store(thread, Relaxed);
    }

    #[inline]
    fn nesting(self) -> u32 {
        // Relaxed: only the owner accesses it, and owners follow each other by the lock itself.
        self.nesting_word().load(Relaxed)
    }

    #[inline]
    fn set_nesting(self, times: u32) {
        // Relaxed: see `nesting`.
        self.nesting_word().store(times, Relaxed);
    }

    fn contended(self) {
        if let Some(cb) = self.cb() {
            // SAFETY: the callback with its own argument; nothing is held.
            unsafe { cb(self.cb_opaque()) };
        }
    }

    fn enter(self) {
        succeed(pthread!(pthread_mutex_lock(self.mutex())));
    }

    fn leave(self) {
        succeed(pthread!(pthread_mutex_unlock(self.mutex())));
    }

    fn sleep(self) {
        // As locking a mutex, this is no cancellation point: a thread that ends here would keep the
        // mutex, and its ticket would never be given up.
        let before = set_cancel_state(CANCEL_DISABLE);
        // The one mutex that is used with it, locked by this thread.
        let result = pthread!(pthread_cond_wait(self.cond(), self.mutex()));
        set_cancel_state(before);
        succeed(result);
    }

    fn wake_all(self) {
        succeed(pthread!(pthread_cond_broadcast(self.cond())));
    }
}
