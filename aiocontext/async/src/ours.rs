//! Whether the symbols of this component and of the loop are the library's own.
//!
//! A program may define any of them itself. Each component has hidden names for its own functions,
//! which no program can define; where an exported name leads elsewhere, somebody else's function
//! is called by it.

use core::mem::transmute;
use core::ptr::NonNull;

use aio_notify::abi::AioContext;
use aiocontext_wake::address_word;

address_word!(notify, "aio_notify", "async");
address_word!(accept, "aio_notify_accept", "async");
// Weak: in a static program with a loop of its own it is not there, nor is ours.
address_word!(poll, "aio_poll", "async", ".weak aio_poll");
address_word!(
    own_poll,
    "aiocontext_posix_aio_poll",
    "async",
    ".weak aiocontext_posix_aio_poll",
    ".hidden aiocontext_posix_aio_poll"
);
address_word!(
    release,
    "aiocontext_posix_release",
    "async",
    ".weak aiocontext_posix_release",
    ".hidden aiocontext_posix_release"
);
address_word!(own_notify, "aiocontext_async_aio_notify", "async");
address_word!(own_accept, "aiocontext_async_aio_notify_accept", "async");

/// Whether the library's own `aio_poll` is the loop, and notifies by this component.
///
/// False also in a program that is not position-independent and takes the address of one of the
/// functions: it then has an address in the program. That only costs speed.
#[inline]
pub(crate) fn the_loop() -> bool {
    own_poll() != 0 && poll() == own_poll() && notify() == own_notify() && accept() == own_accept()
}

/// Has the library's own fd loop, if it is the one, free what it keeps for a context that ends.
///
/// # Safety
///
/// Nobody uses the context any more.
pub(crate) unsafe fn release_watch(ctx: NonNull<AioContext>) {
    if !the_loop() {
        return;
    }
    // SAFETY: the address of a function of this type, or 0, which is `None`.
    let release =
        unsafe { transmute::<usize, Option<unsafe extern "C" fn(NonNull<AioContext>)>>(release()) };
    if let Some(release) = release {
        // SAFETY: the same contract.
        unsafe { release(ctx) };
    }
}
