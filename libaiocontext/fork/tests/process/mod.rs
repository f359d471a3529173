//! What the tests share: children by each way of forking, which say by their exit status what they
//! have found.

/// A way to make a child; returns 0 in it.
pub(crate) type Fork = fn() -> libc::pid_t;

pub(crate) fn fork() -> libc::pid_t {
    // SAFETY: the child only does what may be done after a fork.
    unsafe { libc::fork() }
}

/// A fork of which the C library does not know.
#[allow(dead_code)] // Not in the test of what the C library tells.
pub(crate) fn raw_clone() -> libc::pid_t {
    let signal = libc::c_long::from(libc::SIGCHLD);
    let none = 0 as libc::c_long;
    // SAFETY: with no flags it is a fork; all other arguments are unused then.
    let child = unsafe { libc::syscall(libc::SYS_clone, signal, none, none, none, none) };
    libc::pid_t::try_from(child).unwrap_or(-1)
}

/// Runs `f` in a child, which has a minute; true if `f` returned true.
pub(crate) fn holds_in_child(fork: Fork, f: impl FnOnce() -> bool) -> bool {
    let child = fork();
    assert!(child >= 0, "no child: {}", std::io::Error::last_os_error());
    if child == 0 {
        // SAFETY: the default action of the signal ends a child that hangs.
        unsafe { libc::alarm(60) };
        let status = if f() { 0 } else { 1 };
        // SAFETY: ends the child at once, with none of the parent's cleanup.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a place for its status.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child);
    status == 0
}
