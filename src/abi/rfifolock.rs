//! `qemu/rfifolock.h`: the recursive first-come-first-served lock of a context.

use core::ffi::{c_uint, c_void};

use super::thread::{QemuCond, QemuMutex, QemuThread};

/// A recursive lock that waiters get in order of arrival.
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
