//! What the epoll set, or poll in its place, reports.

/// Readable, hung up or in error: what runs a read callback.
pub(crate) const READABLE: u32 = (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// Writable or in error: what runs a write callback.
pub(crate) const WRITABLE: u32 = (libc::EPOLLOUT | libc::EPOLLERR) as u32;

/// What the set reports of one descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// What the descriptor was added with.
    pub(crate) token: u64,
    /// `EPOLLIN` and so on.
    pub(crate) events: u32,
}
