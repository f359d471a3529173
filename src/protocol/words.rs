//! The words that notifiers and loops share.

use super::sync::{AtomicBool, AtomicU32};

/// The bit of `notify_me` that belongs to the GSource.
pub const GSOURCE: u32 = 1;

/// What each blocking poller adds to `notify_me`.
pub const POLLER: u32 = 2;

/// The public words of a context.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// Who sleeps or is about to: [`GSOURCE`] and multiples of [`POLLER`].
    pub notify_me: &'a AtomicU32,
    /// In [`super::flag`] and [`super::coalescing`]: the event may be full. In
    /// [`super::since_5_2`]: there has been a notification since the last accept.
    pub notified: &'a AtomicBool,
}
