//! A kernel without `MADV_WIPEONFORK`: children of `fork()` are still told apart.

mod process;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use aiocontext_fork::generation;
use process::{fork, holds_in_child};

static REFUSED: AtomicU32 = AtomicU32::new(0);

/// In the C library's place.
#[no_mangle]
extern "C" fn madvise(_: *mut libc::c_void, _: usize, advice: libc::c_int) -> libc::c_int {
    if advice == libc::MADV_WIPEONFORK {
        REFUSED.fetch_add(1, Relaxed);
    }
    -1
}

#[test]
fn the_number_changes_in_a_child_of_fork() {
    let parents = generation();
    assert_ne!(parents, 0);
    assert_ne!(REFUSED.load(Relaxed), 0);
    assert!(holds_in_child(fork, || {
        let childs = generation();
        let changes = holds_in_child(fork, || ![parents, childs, 0].contains(&generation()));
        changes && childs != parents && generation() == childs
    }));
    assert_eq!(generation(), parents);
}
