//! The number of a process differs from its ancestors', however it was forked.

mod process;

use aiocontext_fork::generation;
use process::{fork, holds_in_child, raw_clone, Fork};

const FORKS: [Fork; 2] = [fork, raw_clone];

/// Held by each test: a child of a raw clone would inherit the locks that libc holds while another
/// test's thread forks.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn it_is_constant_in_a_process() {
    let _alone = alone();
    let number = generation();
    assert_ne!(number, 0);
    assert_eq!(generation(), number);
    std::thread::spawn(move || assert_eq!(generation(), number)).join().unwrap();
}

#[test]
fn it_changes_in_a_child() {
    let _alone = alone();
    for fork in FORKS {
        let parents = generation();
        let changes = holds_in_child(fork, || {
            let childs = generation();
            childs != 0 && childs != parents && generation() == childs
        });
        assert!(changes);
        assert_eq!(generation(), parents);
    }
}

#[test]
fn it_changes_in_each_generation() {
    let _alone = alone();
    for outer in FORKS {
        for inner in FORKS {
            let parents = generation();
            assert!(holds_in_child(outer, || {
                let childs = generation();
                let changes = holds_in_child(inner, || {
                    let grandchilds = generation();
                    grandchilds != 0 && grandchilds != childs && grandchilds != parents
                });
                changes && generation() == childs
            }));
        }
    }
}

/// A child that has not asked before it forks.
#[test]
fn it_changes_where_a_generation_is_skipped() {
    let _alone = alone();
    for fork in FORKS {
        let parents = generation();
        assert!(holds_in_child(fork, || holds_in_child(fork, || generation() != parents)));
    }
}

/// What shares its parent's memory is no child in this sense.
#[test]
fn it_is_the_same_for_a_child_that_shares_memory() {
    let _alone = alone();
    static SEEN: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    extern "C" fn look(_: *mut libc::c_void) -> libc::c_int {
        SEEN.store(generation(), std::sync::atomic::Ordering::Relaxed);
        0
    }
    let number = generation();
    let mut stack = vec![0_u64; 1 << 13];
    let top = stack.as_mut_ptr_range().end.cast();
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: a stack of 64 KiB, aligned to 8 and so to 16 at its end as malloc's memory is; the
    // parent sleeps until the child has ended.
    let child = unsafe { libc::clone(look, top, flags, std::ptr::null_mut()) };
    assert!(child > 0);
    // SAFETY: a child of this process; its status does not matter.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    assert_eq!(SEEN.load(std::sync::atomic::Ordering::Relaxed), number);
}
