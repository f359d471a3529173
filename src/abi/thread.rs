//! `qemu/thread.h`: the thread types that the other structs embed.
//!
//! Their sizes are the platform's (`pthread_mutex_t` is 40 bytes on x86_64 and 48 on aarch64), so
//! they come from `libc` and never as numbers.

use libc::{pthread_cond_t, pthread_mutex_t, pthread_t, sem_t};

/// A mutex.
#[repr(C)]
pub struct QemuMutex {
    /// The POSIX mutex.
    pub lock: pthread_mutex_t,
}

/// A condition variable.
#[repr(C)]
pub struct QemuCond {
    /// The POSIX condition variable.
    pub cond: pthread_cond_t,
}

/// A counting semaphore.
#[repr(C)]
pub struct QemuSemaphore {
    /// The POSIX semaphore.
    pub sem: sem_t,
}

/// A thread.
#[repr(C)]
pub struct QemuThread {
    /// The POSIX thread.
    pub thread: pthread_t,
}

assert_layout!("x86_64", QemuMutex: 40 / 8, lock: 0);
assert_layout!("aarch64", QemuMutex: 48 / 8, lock: 0);
assert_layout!("x86", QemuMutex: 24 / 4, lock: 0);
assert_layout!("x86_64", QemuCond: 48 / 8, cond: 0);
assert_layout!("aarch64", QemuCond: 48 / 8, cond: 0);
assert_layout!("x86", QemuCond: 48 / 4, cond: 0);
assert_layout!("x86_64", QemuSemaphore: 32 / 8, sem: 0);
assert_layout!("aarch64", QemuSemaphore: 32 / 8, sem: 0);
assert_layout!("x86", QemuSemaphore: 16 / 4, sem: 0);
assert_layout!("x86_64", QemuThread: 8 / 8, thread: 0);
assert_layout!("aarch64", QemuThread: 8 / 8, thread: 0);
assert_layout!("x86", QemuThread: 4 / 4, thread: 0);
