//! The lock under loom: every interleaving of a few threads, and every stale value that the C11
//! memory model lets a relaxed load return.
//!
//! Each access to a member looks at a cell that destroying the lock writes, so an access that may
//! come after it is a data race, which loom reports. Lost wakeups are deadlocks, which it reports
//! too.

#![cfg(target_pointer_width = "64")]

use std::cell::RefCell;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

#[path = "../src/queue.rs"]
mod queue;
#[path = "../src/ticket.rs"]
mod ticket;

mod sync {
    //! loom's, in the place of `src/sync.rs`.

    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

use ticket::{LockParts, Ticket};

struct Shared {
    word: AtomicU64,
    owner: AtomicUsize,
    nesting: AtomicU32,
    mutex: Mutex<()>,
    cond: Condvar,
    /// Written when the lock is destroyed.
    lives: UnsafeCell<()>,
    /// What the lock protects: how many turns there have been.
    turns: UnsafeCell<usize>,
    /// How often somebody was told that the lock is contended.
    contended: AtomicUsize,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            // The last numbers, so that both halves begin anew.
            word: AtomicU64::new(u64::MAX),
            owner: AtomicUsize::new(0),
            nesting: AtomicU32::new(0),
            mutex: Mutex::new(()),
            cond: Condvar::new(),
            lives: UnsafeCell::new(()),
            turns: UnsafeCell::new(0),
            contended: AtomicUsize::new(0),
        })
    }

    /// Runs `f` with the lock, as the thread of this number.
    fn with<R>(&self, thread: usize, f: impl FnOnce(LockRef<'_, '_>) -> R) -> R {
        let guard = RefCell::new(None);
        let lock = LockRef { shared: self, thread, guard: &guard };
        ticket::lock(lock);
        let result = f(lock);
        assert!(ticket::unlock(lock));
        result
    }

    /// One turn of a thread; returns how many there have been with it.
    fn take_turn(&self, thread: usize) -> usize {
        self.with(thread, |_| {
            self.turns.with_mut(|turns| {
                // SAFETY: the lock is held; loom checks that this is enough.
                let turns = unsafe { &mut *turns };
                *turns += 1;
                *turns
            })
        })
    }

    fn destroy(&self) {
        self.lives.with_mut(|_| ());
    }
}

/// The lock as one thread uses it.
#[derive(Clone, Copy)]
struct LockRef<'a, 'g> {
    shared: &'a Shared,
    thread: usize,
    guard: &'g RefCell<Option<MutexGuard<'a, ()>>>,
}

impl<'a> LockRef<'a, '_> {
    /// The lock, which must not have been destroyed.
    fn live(self) -> &'a Shared {
        self.shared.lives.with(|_| ());
        self.shared
    }
}

impl LockParts for LockRef<'_, '_> {
    fn take_ticket(self) -> Ticket {
        queue::take_ticket(&self.live().word)
    }
    fn give_up_unless_awaited(self) -> bool {
        queue::give_up_unless_awaited(&self.live().word)
    }
    fn head(self) -> u32 {
        queue::head(&self.live().word)
    }
    fn tail(self) -> u32 {
        queue::tail(&self.live().word)
    }
    fn serve_next(self) {
        queue::serve_next(&self.live().word);
    }
    fn this_thread(self) -> usize {
        self.thread
    }
    fn owner(self) -> usize {
        self.live().owner.load(Relaxed)
    }
    fn set_owner(self, thread: usize) {
        self.live().owner.store(thread, Relaxed);
    }
    fn nesting(self) -> u32 {
        self.live().nesting.load(Relaxed)
    }
    fn set_nesting(self, times: u32) {
        self.live().nesting.store(times, Relaxed);
    }
    fn contended(self) {
        assert!(self.guard.borrow().is_none(), "nothing is held");
        self.live().contended.fetch_add(1, Relaxed);
    }
    fn enter(self) {
        *self.guard.borrow_mut() = Some(self.live().mutex.lock().unwrap());
    }
    fn leave(self) {
        self.live();
        drop(self.guard.borrow_mut().take());
    }
    fn sleep(self) {
        let guard = self.guard.borrow_mut().take().unwrap();
        let guard = self.live().cond.wait(guard).unwrap();
        *self.guard.borrow_mut() = Some(guard);
    }
    fn wake_all(self) {
        self.live().cond.notify_all();
    }
}

fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

#[test]
fn one_at_a_time_and_the_last_may_destroy_it() {
    model(2, || {
        let shared = Shared::new();
        let threads: Vec<_> = (1..=2)
            .map(|number| {
                let shared = shared.clone();
                thread::spawn(move || {
                    if shared.take_turn(number) == 3 {
                        shared.destroy();
                    }
                })
            })
            .collect();
        if shared.take_turn(3) == 3 {
            shared.destroy();
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(shared.with_turns(), 3);
    });
}

#[test]
fn who_comes_back_waits_behind_who_waits() {
    model(4, || {
        let shared = Shared::new();
        let other = {
            let shared = shared.clone();
            thread::spawn(move || shared.take_turn(2))
        };
        let waits = shared.with(1, |lock| {
            // A waiter that is seen to wait has the next turn.
            let waits = lock.tail().wrapping_sub(lock.head()) > 1;
            shared.with(1, |_| ());
            waits
        });
        let turn = shared.take_turn(1);
        assert!(!waits || turn == 2, "overtook a waiter");
        other.join().unwrap();
    });
}

#[test]
fn a_thread_that_does_not_own_the_lock_cannot_give_it_up() {
    model(3, || {
        let shared = Shared::new();
        let other = {
            let shared = shared.clone();
            thread::spawn(move || shared.take_turn(2))
        };
        let guard = RefCell::new(None);
        let lock = LockRef { shared: &shared, thread: 1, guard: &guard };
        assert!(!ticket::unlock(lock));
        shared.take_turn(1);
        assert!(!ticket::unlock(lock));
        other.join().unwrap();
        assert!(ticket::is_free(lock));
    });
}

impl Shared {
    /// The turns, when all threads have ended.
    fn with_turns(&self) -> usize {
        // SAFETY: nobody else is left.
        self.turns.with(|turns| unsafe { *turns })
    }
}
