//! A mutex that a child process finds free, whatever other threads held at the fork.
//!
//! The word holds the state and the generation of the thread that locked it last. A word of another
//! generation is free: its holder lives in the parent, if at all.

use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::fmt;
use core::hint;
use core::ops::{Deref, DerefMut};
use core::ptr;
use core::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use aio_notify::ffi::preserving_errno;

use crate::generation;

const FREE: u32 = 0;
const LOCKED: u32 = 1;
/// Locked, and somebody may sleep on the word.
const CONTENDED: u32 = 2;
/// The state's bits; the generation's lower bits are above them.
const STATE: u32 = 3;

/// How often a locked word is looked at before the thread sleeps.
const SPINS: u32 = 100;

/// A mutex that is free in a child process even if another thread held it at the fork.
///
/// **What is behind it may be found half changed there.** Either every prefix of the holder's stores
/// leaves it consistent, or each thread that locks it checks [`ForkMutexGuard::was_broken`] and rebuilds it
/// before use. In the process that locks and unlocks it without a fork, it is an ordinary mutex:
/// not recursive, not fair, not for signal handlers.
pub struct ForkMutex<T> {
    word: AtomicU32,
    data: UnsafeCell<T>,
}

// SAFETY: the data goes wherever the mutex goes.
unsafe impl<T: Send> Send for ForkMutex<T> {}
// SAFETY: one thread at a time has access to the data.
unsafe impl<T: Send> Sync for ForkMutex<T> {}

/// The generation in the place that it has in the word.
#[inline]
fn this_generation() -> u32 {
    generation() << STATE.count_ones()
}

impl<T> ForkMutex<T> {
    /// Makes a free mutex.
    pub const fn new(data: T) -> Self {
        // Generations are never 0, so this one is nobody's.
        Self { word: AtomicU32::new(FREE), data: UnsafeCell::new(data) }
    }

    /// Locks; waits while another thread of this process holds it. `errno` is unchanged.
    #[inline]
    pub fn lock(&self) -> ForkMutexGuard<'_, T> {
        let generation = this_generation();
        // Acquire: pairs with the release in `drop` of the guard. Without it this thread might not
        // see what the last holder wrote.
        let taken =
            self.word.compare_exchange(generation | FREE, generation | LOCKED, Acquire, Relaxed);
        if taken.is_ok() {
            return ForkMutexGuard { mutex: self, generation, broken: false };
        }
        self.lock_slowly()
    }

    #[cold]
    fn lock_slowly(&self) -> ForkMutexGuard<'_, T> {
        let mut spins = 0;
        // Once this thread has slept, others may: it locks for them.
        let mut state = LOCKED;
        loop {
            // Again each time: a signal handler may have forked.
            let generation = this_generation();
            // Relaxed: the exchanges below order it.
            let word = self.word.load(Relaxed);
            let foreign = word & !STATE != generation;
            if foreign || word & STATE == FREE {
                // Acquire: as in `lock`. What the parent's holder wrote was copied by the fork.
                let taken = self.word.compare_exchange(word, generation | state, Acquire, Relaxed);
                if taken.is_ok() {
                    let broken = foreign && word & STATE != FREE;
                    return ForkMutexGuard { mutex: self, generation, broken };
                }
            } else if spins < SPINS {
                spins += 1;
                hint::spin_loop();
            } else {
                state = CONTENDED;
                let contended = generation | CONTENDED;
                // Relaxed: it only asks the holder for a wake-up.
                let marked = word == contended
                    || self.word.compare_exchange(word, contended, Relaxed, Relaxed).is_ok();
                if marked {
                    sleep_on(&self.word, contended);
                }
            }
        }
    }
}

impl<T> fmt::Debug for ForkMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkMutex").finish_non_exhaustive()
    }
}

/// Unlocks its mutex when it is dropped.
pub struct ForkMutexGuard<'a, T> {
    mutex: &'a ForkMutex<T>,
    generation: u32,
    broken: bool,
}

impl<T> ForkMutexGuard<'_, T> {
    /// Whether the mutex was held at the fork by a thread that this process does not have: the data
    /// may be half changed. True once, for the first that locks it.
    pub fn was_broken(&self) -> bool {
        self.broken
    }
}

impl<T> Deref for ForkMutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the mutex is locked, by this guard.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T> DerefMut for ForkMutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the mutex is locked, by this guard.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T> fmt::Debug for ForkMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkMutexGuard").field("broken", &self.broken).finish_non_exhaustive()
    }
}

impl<T> Drop for ForkMutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let word = &self.mutex.word;
        let free = self.generation | FREE;
        // Release: pairs with the acquire in `lock`. Without it the next holder might not see what
        // this one wrote. An exchange, not a store: in a child the word may be another's by now.
        if word.compare_exchange(self.generation | LOCKED, free, Release, Relaxed).is_err() {
            let contended = self.generation | CONTENDED;
            // Release: as above.
            if word.compare_exchange(contended, free, Release, Relaxed).is_ok() {
                wake_one(word);
            }
        }
    }
}

/// Sleeps until the word is woken, or returns at once if it is not `value`.
fn sleep_on(word: &AtomicU32, value: u32) {
    futex(word, libc::FUTEX_WAIT, value);
}

#[cold]
fn wake_one(word: &AtomicU32) {
    futex(word, libc::FUTEX_WAKE, 1);
}

fn futex(word: &AtomicU32, operation: c_int, value: u32) {
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    let forever = ptr::null::<libc::timespec>();
    preserving_errno(|| {
        // SAFETY: to sleep, the kernel reads the word, which lives; to wake, it uses the address alone,
        // and the word may be freed by now.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, forever) }
    });
}
