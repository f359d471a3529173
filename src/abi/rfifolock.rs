//! `qemu/rfifolock.h`: the recursive first-come-first-served lock of a context.

use core::ffi::{c_uint, c_void};

use super::thread::{QemuCond, QemuMutex, QemuThread};

/// A recursive lock that is handed over in the order of arrival.
///
/// The members belong to the `rfifolock_*` functions.
#[repr(C)]
pub struct RFifoLock {
    /// Protects the members below.
    pub lock: QemuMutex,
    /// Ticket being served.
    pub head: c_uint,
    /// Next ticket to hand out.
    pub tail: c_uint,
    /// Where the waiters wait.
    pub cond: QemuCond,
    /// The owner, while `nesting` is not 0.
    pub owner_thread: QemuThread,
    /// How often the owner holds the lock.
    pub nesting: c_uint,
    /// Contention callback, or NULL; a waiter calls it before each wait.
    pub cb: Option<unsafe extern "C" fn(opaque: *mut c_void)>,
    /// Argument of `cb`.
    pub cb_opaque: *mut c_void,
}

assert_layout!("x86_64", RFifoLock: 128 / 8, lock: 0, head: 40, tail: 44, cond: 48,
    owner_thread: 96, nesting: 104, cb: 112, cb_opaque: 120);
assert_layout!("aarch64", RFifoLock: 136 / 8, lock: 0, head: 48, tail: 52, cond: 56,
    owner_thread: 104, nesting: 112, cb: 120, cb_opaque: 128);
assert_layout!("x86", RFifoLock: 96 / 4, lock: 0, head: 24, tail: 28, cond: 32, owner_thread: 80,
    nesting: 84, cb: 88, cb_opaque: 92);

extern "C" {
    /// Initialises a lock.
    ///
    /// `cb(opaque)`, where not NULL, is called by a waiter before each wait, without the lock.
    /// Provided by libaiocontext or the program.
    pub fn rfifolock_init(
        r: *mut RFifoLock,
        cb: Option<unsafe extern "C" fn(opaque: *mut c_void)>,
        opaque: *mut c_void,
    );

    /// Releases what `rfifolock_init` took. Nobody may hold the lock or wait for it.
    ///
    /// Provided by libaiocontext or the program.
    pub fn rfifolock_destroy(r: *mut RFifoLock);

    /// Takes the lock, after all who came before; the owner may take it again.
    ///
    /// Any thread; not from signal handlers. Provided by libaiocontext or the program.
    pub fn rfifolock_lock(r: *mut RFifoLock);

    /// Undoes one `rfifolock_lock` of the calling thread; the last one hands the lock over.
    ///
    /// The owner only; not from signal handlers. Provided by libaiocontext or the program.
    pub fn rfifolock_unlock(r: *mut RFifoLock);
}
