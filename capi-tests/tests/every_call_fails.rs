//! Every system call that libaiocontext makes fails, in turn: `c/loop/every_call_fails.c`.
//!
//! `AIONOTIFY_EVERY_CALL` has all calls of a run fail; by default it is the first ones of a kind.

use capi_tests::elf::bound;
use capi_tests::{in_parallel, prefix, program, read, root, succeed, Linkage, Program};

const SCENARIOS: &[&str] = &[
    "timers",
    "handlers",
    "closed_descriptors",
    "files",
    "event_notifiers",
    "bottom_halves",
    "lock_waiters",
    "pool",
    "glib",
    "two_pollers",
    "forks",
];

#[test]
fn the_loop_goes_on_or_says_why() {
    let built = Program::of_loop("every_call_fails").interposing().build(Linkage::Dynamic);
    let ran = in_parallel(SCENARIOS.to_vec(), |scenario| {
        let finished = succeed(program(&built).arg(scenario));
        assert!(finished.stdout.contains(&format!("ok {scenario}: ")), "{finished:?}");
        finished.stdout
    });
    println!("{}", ran.concat());
}

/// The names of libc's functions that are system calls, as far as a library like this might use
/// them.
const SYSTEM_CALLS: &[&str] = &[
    "accept4",
    "clone",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd_read",
    "eventfd_write",
    "fcntl",
    "fcntl64",
    "fork",
    "futex",
    "ioctl",
    "madvise",
    "mlock",
    "mmap",
    "mmap64",
    "mremap",
    "nanosleep",
    "open",
    "openat",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "pread64",
    "pthread_create",
    "pwrite64",
    "read",
    "readv",
    "recv",
    "select",
    "send",
    "signalfd",
    "socket",
    "socketpair",
    "syscall",
    "timer_create",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    "vfork",
    "write",
];

/// A system call that the library comes to make has to fail as well.
#[test]
fn all_system_calls_of_the_library_are_interposed() {
    let interposer = read(&root().join("capi-tests/c/loop/interpose.c"));
    let bound = bound(&prefix().join("lib/libaiocontext.so"));
    let imports = SYSTEM_CALLS.iter().filter(|&&name| bound.contains(name));
    let imports: Vec<&str> = imports.copied().collect();
    assert!(imports.contains(&"epoll_ctl"), "{imports:?}");
    let defined = |name: &str| {
        [format!(" {name}("), format!("*{name}("), format!("MMAP({name},")]
            .iter()
            .any(|definition| interposer.contains(definition))
    };
    let missing: Vec<&str> = imports.into_iter().filter(|name| !defined(name)).collect();
    assert!(missing.is_empty(), "interpose.c lacks {missing:?}");
}
