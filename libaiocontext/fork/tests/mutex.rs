//! The mutex: an ordinary one in a process, free in a child.

mod process;

use std::sync::mpsc;
use std::thread;

use aiocontext_fork::ForkMutex;
use process::{fork, holds_in_child, raw_clone, Fork};

const FORKS: [Fork; 2] = [fork, raw_clone];

#[test]
fn one_thread_at_a_time_has_it() {
    static COUNT: ForkMutex<u64> = ForkMutex::new(0);
    const TIMES: u64 = 50_000;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..TIMES {
                    let mut count = COUNT.lock();
                    assert!(!count.was_broken());
                    *count += 1;
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*COUNT.lock(), 4 * TIMES);
}

/// A waiter sleeps long enough for the holder to see it, and is woken.
#[test]
fn a_sleeper_is_woken() {
    let mutex = ForkMutex::new(0);
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        let held = mutex.lock();
        let mutex = &mutex;
        scope.spawn(move || {
            // SAFETY: takes nothing.
            send.send(unsafe { libc::gettid() }).unwrap();
            *mutex.lock() = 1;
        });
        let stat = format!("/proc/self/task/{}/stat", receive.recv().unwrap());
        while !std::fs::read_to_string(&stat).unwrap().contains(") S ") {
            thread::yield_now();
        }
        assert_eq!(*held, 0);
        drop(held);
    });
    assert_eq!(*mutex.lock(), 1);
}

/// Calls `f` while another thread holds the mutex with one of two halves changed.
fn while_another_holds(mutex: &ForkMutex<[u32; 2]>, f: impl FnOnce()) {
    thread::scope(|scope| {
        let (held, is_held) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        scope.spawn(move || {
            let mut halves = mutex.lock();
            halves[0] += 1;
            held.send(()).unwrap();
            may_leave.recv().unwrap();
            halves[1] += 1;
        });
        is_held.recv().unwrap();
        f();
        leave.send(()).unwrap();
    });
}

#[test]
fn held_by_another_at_the_fork_it_is_free_in_the_child() {
    for fork in FORKS {
        let mutex = ForkMutex::new([0, 0]);
        while_another_holds(&mutex, || {
            assert!(holds_in_child(fork, || {
                let first = mutex.lock();
                let broken = first.was_broken() && *first == [1, 0];
                drop(first);
                broken && !mutex.lock().was_broken()
            }));
        });
        let halves = mutex.lock();
        assert!(!halves.was_broken());
        assert_eq!(*halves, [1, 1]);
    }
}

#[test]
fn free_at_the_fork_it_is_free_and_whole_in_the_child() {
    for fork in FORKS {
        let mutex = ForkMutex::new([0, 0]);
        mutex.lock()[0] = 7;
        assert!(holds_in_child(fork, || {
            let halves = mutex.lock();
            !halves.was_broken() && *halves == [7, 0]
        }));
    }
}

/// Nobody has locked it between the two forks: the grandchild is told.
#[test]
fn a_broken_one_is_broken_for_a_grandchild() {
    for fork in FORKS {
        let mutex = ForkMutex::new([0, 0]);
        while_another_holds(&mutex, || {
            assert!(holds_in_child(fork, || holds_in_child(fork, || mutex.lock().was_broken())));
        });
    }
}

/// The forking thread itself holds it: it goes on holding it in the child, and gives it back.
#[test]
fn a_guard_of_the_forking_thread_goes_on() {
    for fork in FORKS {
        let mutex = ForkMutex::new([0, 0]);
        let held = mutex.lock();
        assert!(holds_in_child(fork, || {
            drop(held);
            !mutex.lock().was_broken()
        }));
    }
}
