//! The file that a descriptor's number stands for.

use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// Whether poll would say of this file that it is ready at any time: a regular one, or one like it.
pub(crate) fn is_always_ready(fd: RawFd) -> bool {
    // Any size of file and any inode fits into this one.
    let mut stat = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: room for a `stat64`.
    if unsafe { libc::fstat64(fd, stat.as_mut_ptr()) } < 0 {
        return false;
    }
    // SAFETY: written by the call above.
    let kind = unsafe { stat.assume_init() }.st_mode & libc::S_IFMT;
    matches!(kind, libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK)
}

/// Whether the number stands for an open file.
pub(crate) fn is_open(fd: RawFd) -> bool {
    // SAFETY: takes no pointer.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}
