//! Keeps libclang from writing each error to standard error: the first of them is in the one
//! message that refuses the headers.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Standard error as it was, which is put back in the end.
struct Silenced(OwnedFd);

impl Drop for Silenced {
    fn drop(&mut self) {
        replace_stderr(self.0.as_fd());
    }
}

/// Runs this with standard error closed to all who write to it.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let null = OpenOptions::new().write(true).open("/dev/null");
    let silenced = io::stderr().as_fd().try_clone_to_owned().map(Silenced);
    if let (Ok(null), Ok(_)) = (&null, &silenced) {
        replace_stderr(null.as_fd());
    }
    work()
}

fn replace_stderr(file: BorrowedFd<'_>) {
    // SAFETY: takes two open descriptors; nobody owns number 2 in a way that minds its file.
    unsafe { libc::dup2(file.as_raw_fd(), libc::STDERR_FILENO) };
}
