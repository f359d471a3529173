//! The members of the C struct.

use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use aio_notify::abi::RFifoLock;
use libc::{pthread_cond_t, pthread_mutex_t, pthread_t};

use crate::queue;
use crate::ticket::{Members, Ticket};

/// A lock that lives for `'a`; head, tail, owner and nesting are accessed atomically.
#[derive(Clone, Copy)]
pub(crate) struct LockRef<'a> {
    pointer: NonNull<RFifoLock>,
    lives: PhantomData<&'a AtomicU32>,
}

// The owner is kept in an atomic word. Its 0 is nobody: on the systems with `pthread_t` of this
// size it is the address of the thread's own block.
const _: () = assert!(size_of::<pthread_t>() == size_of::<usize>());
const _: () = assert!(align_of::<pthread_t>() == align_of::<usize>());

/// The address of a member.
macro_rules! member {
    ($lock:expr, $($path:tt)*) => {{
        // SAFETY: within a live lock, by the type's contract.
        unsafe { &raw mut (*$lock.pointer().as_ptr()).$($path)* }
    }};
}

#[cfg(not(target_pointer_width = "64"))]
pub(crate) use member;

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
    // SAFETY: valid memory by this function's contract; all members may be 0.
    unsafe { r.as_ptr().write_bytes(0, 1) };
    // SAFETY: all of it has a value now.
    let lock = unsafe { LockRef::new(r) };
    let cb_member = member!(lock, cb);
    // SAFETY: nobody else uses the lock yet.
    unsafe { cb_member.write(cb) };
    let opaque_member = member!(lock, cb_opaque);
    // SAFETY: nobody else uses the lock yet.
    unsafe { opaque_member.write(opaque) };
    // SAFETY: memory for a mutex; NULL is the default kind.
    result(unsafe { libc::pthread_mutex_init(lock.mutex(), core::ptr::null()) })?;
    // SAFETY: memory for a condition variable; NULL is the default kind.
    result(unsafe { libc::pthread_cond_init(lock.cond(), core::ptr::null()) })
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
    use aio_notify::shared::check::misuse;
    misuse(crate::LIBRARY, format_args!("rfifolock: the lock is not initialised: errno {errno}"))
}

impl<'a> LockRef<'a> {
    /// # Safety
    ///
    /// `pointer` points to a lock as the type describes it.
    #[inline]
    pub(crate) unsafe fn new(pointer: NonNull<RFifoLock>) -> Self {
        Self { pointer, lives: PhantomData }
    }

    #[inline]
    pub(crate) fn pointer(self) -> NonNull<RFifoLock> {
        self.pointer
    }

    #[inline]
    fn mutex(self) -> *mut pthread_mutex_t {
        member!(self, lock.lock)
    }

    #[inline]
    fn cond(self) -> *mut pthread_cond_t {
        member!(self, cond.cond)
    }

    #[inline]
    fn owner_word(self) -> &'a AtomicUsize {
        let owner = member!(self, owner_thread.thread).cast::<usize>();
        // SAFETY: of a word's size and alignment, as proved above; all access it atomically.
        unsafe { AtomicUsize::from_ptr(owner) }
    }

    #[inline]
    fn nesting_word(self) -> &'a AtomicU32 {
        let nesting = member!(self, nesting);
        // SAFETY: a live, aligned `unsigned int` that all access atomically.
        unsafe { AtomicU32::from_ptr(nesting) }
    }

    /// Destroys the mutex and the condition variable.
    pub(crate) fn destroy(self) {
        // SAFETY: initialised, and nobody waits.
        succeed(unsafe { libc::pthread_cond_destroy(self.cond()) });
        // SAFETY: initialised, and nobody holds it: a lock that is free was left for good.
        succeed(unsafe { libc::pthread_mutex_destroy(self.mutex()) });
    }
}

impl Members for LockRef<'_> {
    #[inline]
    fn take_ticket(self) -> Ticket {
        queue::take_ticket(self.queue())
    }

    #[inline]
    fn give_up_unless_awaited(self) -> bool {
        queue::give_up_unless_awaited(self.queue())
    }

    fn head(self) -> u32 {
        queue::head(self.queue())
    }

    fn tail(self) -> u32 {
        queue::tail(self.queue())
    }

    fn serve_next(self) {
        queue::serve_next(self.queue());
    }

    #[inline]
    fn this_thread(self) -> usize {
        // SAFETY: takes nothing and cannot fail.
        let thread = unsafe { libc::pthread_self() };
        thread as usize
    }

    #[inline]
    fn owner(self) -> usize {
        // Relaxed: a thread finds its own name only if it has written it and not removed it since,
        // and what it wrote itself it sees in order. Who else owns the lock does not matter.
        self.owner_word().load(Relaxed)
    }

    #[inline]
    fn set_owner(self, thread: usize) {
        // Relaxed: see `owner`.
        self.owner_word().store(thread, Relaxed);
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
        let cb = member!(self, cb);
        // SAFETY: written before the first use of the lock and not since.
        let cb = unsafe { cb.read() };
        let opaque = member!(self, cb_opaque);
        // SAFETY: written before the first use of the lock and not since.
        let opaque = unsafe { opaque.read() };
        if let Some(cb) = cb {
            // SAFETY: the callback with its own argument; nothing is held.
            unsafe { cb(opaque) };
        }
    }

    fn enter(self) {
        // SAFETY: an initialised mutex.
        succeed(unsafe { libc::pthread_mutex_lock(self.mutex()) });
    }

    fn leave(self) {
        // SAFETY: a mutex that this thread has locked.
        succeed(unsafe { libc::pthread_mutex_unlock(self.mutex()) });
    }

    fn sleep(self) {
        // SAFETY: initialised, with the one mutex that is used with it, locked by this thread.
        succeed(unsafe { libc::pthread_cond_wait(self.cond(), self.mutex()) });
    }

    fn wake_all(self) {
        // SAFETY: an initialised condition variable.
        succeed(unsafe { libc::pthread_cond_broadcast(self.cond()) });
    }
}
