//! The wakeup protocol's words in an AioContext, and what to say when a wakeup fails.

use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use super::message::say;
use crate::abi::AioContext;
use crate::layout::{NOTIFIED, NOTIFY_ME};

/// The context's `notify_me`.
///
/// # Safety
///
/// `ctx` is a context that lives for `'a`; other code accesses the member atomically.
#[inline]
pub unsafe fn notify_me<'a>(ctx: NonNull<AioContext>) -> &'a AtomicU32 {
    // SAFETY: within a live context, whose layout the library was built for.
    let field = unsafe { ctx.as_ptr().byte_add(NOTIFY_ME) };
    // SAFETY: a live, aligned `u32` that all access atomically.
    unsafe { AtomicU32::from_ptr(field.cast()) }
}

/// The context's `notified`.
///
/// # Safety
///
/// As for [`notify_me`].
#[inline]
pub unsafe fn notified<'a>(ctx: NonNull<AioContext>) -> &'a AtomicBool {
    // SAFETY: within a live context, whose layout the library was built for.
    let field = unsafe { ctx.as_ptr().byte_add(NOTIFIED) };
    // SAFETY: a live `bool` that all access atomically.
    unsafe { AtomicBool::from_ptr(field.cast()) }
}

/// Says, once in the process, that a wakeup could not be delivered.
#[cold]
pub fn cannot_wake(library: &str, errno: c_int) {
    static SAID: AtomicBool = AtomicBool::new(false);
    // Relaxed: the flag orders nothing, it only picks the one who speaks.
    if !SAID.swap(true, Relaxed) {
        say(
            library,
            format_args!(
                "aio_notify: cannot wake the loop: write to its event notifier failed, errno {errno}"
            ),
        );
    }
}
