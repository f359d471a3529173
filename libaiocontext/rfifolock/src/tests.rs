//! The functions on the C struct, by several threads.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread;
use std::vec::Vec;

use aio_notify::abi::RFifoLock;
use aio_notify::ffi::{LockRef, View};

use crate::{rfifolock_destroy, rfifolock_init, rfifolock_lock, rfifolock_unlock};

/// A lock as a C program has it, with `count_call` as its callback.
struct Shared {
    lock: UnsafeCell<MaybeUninit<RFifoLock>>,
    /// How often the callback was called, and the least queue that it found.
    calls: AtomicUsize,
    shortest_queue: AtomicU32,
}

// SAFETY: the lock is for threads.
unsafe impl Sync for Shared {}

unsafe extern "C" fn count_call(opaque: *mut c_void) {
    // SAFETY: the lock's own `Shared`, which outlives its threads.
    let shared = unsafe { &*opaque.cast::<Shared>() };
    shared.shortest_queue.fetch_min(shared.queue(), SeqCst);
    shared.calls.fetch_add(1, SeqCst);
}

impl Shared {
    fn new() -> Self {
        Self {
            lock: UnsafeCell::new(MaybeUninit::uninit()),
            calls: AtomicUsize::new(0),
            shortest_queue: AtomicU32::new(u32::MAX),
        }
    }

    /// Runs a test with an initialised lock whose tickets start at `first`.
    fn with(first: u32, test: impl FnOnce(&Self)) {
        let shared = Self::new();
        let opaque = (&raw const shared).cast_mut().cast();
        // SAFETY: memory for a lock.
        unsafe { rfifolock_init(shared.raw(), Some(count_call), opaque) };
        shared.view().head_word().store(first, SeqCst);
        shared.view().tail_word().store(first, SeqCst);
        test(&shared);
        // SAFETY: nobody uses it any more.
        unsafe { rfifolock_destroy(shared.raw()) };
    }

    fn raw(&self) -> *mut RFifoLock {
        self.lock.get().cast()
    }

    fn view(&self) -> LockRef<'_> {
        // SAFETY: within a live value.
        let lock = unsafe { NonNull::new_unchecked(self.raw()) };
        // SAFETY: a live lock.
        unsafe { LockRef::new(lock) }
    }

    /// How many hold the lock or wait for it, as a loop looks at it.
    fn queue(&self) -> u32 {
        let head = self.view().head_word().load(SeqCst);
        self.view().tail_word().load(SeqCst).wrapping_sub(head)
    }

    fn wait_for_queue(&self, length: u32) {
        while self.queue() < length {
            thread::yield_now();
        }
    }

    fn lock(&self) {
        // SAFETY: an initialised lock.
        unsafe { rfifolock_lock(self.raw()) };
    }

    fn unlock(&self) {
        // SAFETY: an initialised lock.
        unsafe { rfifolock_unlock(self.raw()) };
    }
}

/// Threads that come one after the other while the lock is taken.
fn serves_in_order_of_arrival(first: u32) {
    const WAITERS: u32 = 8;
    Shared::with(first, |shared| {
        let order = Mutex::new(Vec::new());
        shared.lock();
        thread::scope(|scope| {
            for number in 0..WAITERS {
                let order = &order;
                scope.spawn(move || {
                    shared.lock();
                    order.lock().unwrap().push(number);
                    shared.unlock();
                });
                shared.wait_for_queue(number + 2);
            }
            assert!(order.lock().unwrap().is_empty());
            shared.unlock();
        });
        assert_eq!(order.into_inner().unwrap(), (0..WAITERS).collect::<Vec<_>>());
        assert_eq!(shared.queue(), 0);
        assert!(shared.calls.load(SeqCst) >= WAITERS as usize, "each called it before it waited");
    });
}

#[test]
fn waiters_are_served_in_the_order_of_arrival() {
    serves_in_order_of_arrival(0);
}

#[test]
fn also_where_the_numbers_begin_anew() {
    serves_in_order_of_arrival(u32::MAX - 3);
}

#[test]
fn the_callback_counts_itself_among_the_waiters() {
    Shared::with(0, |shared| {
        shared.lock();
        thread::scope(|scope| {
            scope.spawn(|| {
                shared.lock();
                shared.unlock();
            });
            while shared.calls.load(SeqCst) == 0 {
                thread::yield_now();
            }
            assert_eq!(shared.shortest_queue.load(SeqCst), 2);
            shared.unlock();
        });
    });
}

#[test]
fn the_owner_may_take_it_again() {
    Shared::with(u32::MAX, |shared| {
        let entered = AtomicUsize::new(0);
        shared.lock();
        shared.lock();
        assert_eq!(shared.queue(), 1, "it needs no other ticket");
        thread::scope(|scope| {
            scope.spawn(|| {
                shared.lock();
                entered.fetch_add(1, SeqCst);
                shared.unlock();
            });
            shared.wait_for_queue(2);
            shared.lock();
            shared.unlock();
            shared.unlock();
            assert_eq!(shared.queue(), 2);
            assert_eq!(entered.load(SeqCst), 0);
            shared.unlock();
        });
        assert_eq!(entered.into_inner(), 1);
    });
}

#[test]
fn a_free_lock_calls_nothing() {
    Shared::with(0, |shared| {
        for _ in 0..3 {
            shared.lock();
            assert_eq!(shared.queue(), 1);
            shared.unlock();
            assert_eq!(shared.queue(), 0);
        }
        assert_eq!(shared.calls.load(SeqCst), 0);
    });
}

#[test]
fn one_at_a_time() {
    const TURNS: usize = 5_000;
    Shared::with(0, |shared| {
        let inside = AtomicUsize::new(0);
        let count = UnsafeCell::new(0);
        /// A number that the lock protects.
        struct Protected<'a>(&'a UnsafeCell<usize>);
        // SAFETY: accessed by the owner of the lock only, as the test shows.
        unsafe impl Sync for Protected<'_> {}
        let protected = Protected(&count);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let protected = &protected;
                    for _ in 0..TURNS {
                        shared.lock();
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        // SAFETY: the lock is held.
                        unsafe { *protected.0.get() += 1 };
                        assert_eq!(inside.fetch_sub(1, SeqCst), 1);
                        shared.unlock();
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 4 * TURNS);
    });
}

/// What a child process finds: tickets of threads that it does not have.
#[test]
fn a_child_forgets_who_waited_and_keeps_who_holds() {
    for first in [0, u32::MAX] {
        Shared::with(first, |shared| {
            for held in [false, true] {
                if held {
                    // SAFETY: a live lock.
                    unsafe { rfifolock_lock(shared.raw()) };
                }
                shared
                    .view()
                    .tail_word()
                    .store(shared.view().head_word().load(SeqCst).wrapping_add(3), SeqCst);
                // SAFETY: a live lock that nobody else uses.
                unsafe { crate::capi::renew(shared.view()) };
                assert_eq!(shared.queue(), u32::from(held));
                if held {
                    // SAFETY: a live lock, which this thread holds.
                    unsafe { rfifolock_unlock(shared.raw()) };
                }
                assert_eq!(shared.queue(), 0);
            }
        });
    }
}
