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
