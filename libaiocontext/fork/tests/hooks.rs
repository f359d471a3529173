//! Hooks are called once in each child.

mod process;

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use aiocontext_fork::{run_child_hooks, ChildHook};
use process::{fork, holds_in_child, raw_clone};

unsafe fn count(argument: *mut c_void) {
    // SAFETY: a counter that lives as long as its test.
    let counter = unsafe { &*argument.cast::<AtomicU32>() };
    counter.fetch_add(1, Relaxed);
}

fn hook(counter: &AtomicU32) -> ChildHook {
    ChildHook::new(count, std::ptr::from_ref(counter).cast_mut().cast())
}

#[test]
fn a_hook_is_called_once_in_each_child() {
    let calls = AtomicU32::new(0);
    let hook = hook(&calls);
    // SAFETY: it stays where it is until it is unregistered.
    unsafe { hook.register() };
    run_child_hooks();
    assert_eq!(calls.load(Relaxed), 0);
    assert!(holds_in_child(fork, || {
        run_child_hooks();
        let once = calls.load(Relaxed) == 1;
        once && holds_in_child(fork, || calls.load(Relaxed) == 2)
    }));
    assert!(holds_in_child(raw_clone, || {
        let not_told = calls.load(Relaxed) == 0;
        run_child_hooks();
        run_child_hooks();
        not_told && calls.load(Relaxed) == 1
    }));
    assert_eq!(calls.load(Relaxed), 0);
    // SAFETY: registered above.
    unsafe { hook.unregister() };
    assert!(holds_in_child(fork, || calls.load(Relaxed) == 0));
}

/// What a child registers is of no concern before the child's own children.
#[test]
fn a_hook_of_the_child_waits_for_the_childs_children() {
    let calls = AtomicU32::new(0);
    assert!(holds_in_child(fork, || {
        let hook = hook(&calls);
        // SAFETY: it stays where it is until the child ends.
        unsafe { hook.register() };
        run_child_hooks();
        let not_yet = calls.load(Relaxed) == 0;
        not_yet && holds_in_child(fork, || calls.load(Relaxed) == 1)
    }));
}
