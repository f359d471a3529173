//! Whether the async component is the library's own, and what it has for this one alone.

use core::mem::transmute;
use core::ptr::NonNull;

use aio_notify::abi::event_notifier::EventNotifierHandler;
use aio_notify::abi::AioContext;
use aiocontext_wake::address_word;

address_word!(notify, "aio_notify", "posix");
address_word!(accept, "aio_notify_accept", "posix");
address_word!(poll, "aio_poll", "posix");
// Weak: a program's own async component has none of these.
address_word!(
    own_notify,
    "aiocontext_async_aio_notify",
    "posix",
    ".weak aiocontext_async_aio_notify",
    ".hidden aiocontext_async_aio_notify"
);
address_word!(
    own_accept,
    "aiocontext_async_aio_notify_accept",
    "posix",
    ".weak aiocontext_async_aio_notify_accept",
    ".hidden aiocontext_async_aio_notify_accept"
);
address_word!(
    notifier_handler,
    "aiocontext_async_notifier_handler",
    "posix",
    ".weak aiocontext_async_notifier_handler",
    ".hidden aiocontext_async_notifier_handler"
);
address_word!(
    foreign_setter,
    "aiocontext_async_set_foreign",
    "posix",
    ".weak aiocontext_async_set_foreign",
    ".hidden aiocontext_async_set_foreign"
);
address_word!(own_poll, "aiocontext_posix_aio_poll", "posix");

// A name that no program can define, for the async component.
#[cfg(not(target_vendor = "apple"))]
core::arch::global_asm!(
    ".globl aiocontext_posix_aio_poll",
    ".hidden aiocontext_posix_aio_poll",
    ".set aiocontext_posix_aio_poll, aio_poll",
);

/// Whether notifications are made by the library's own async component for this loop, so that they
/// may share an event write.
pub(crate) fn notifications() -> bool {
    own_notify() != 0
        && notify() == own_notify()
        && accept() == own_accept()
        && poll() == own_poll()
}

/// Whether this is the handler that the library's own async component sets for a context's notifier.
pub(crate) fn is_notifier_handler(handler: EventNotifierHandler) -> bool {
    notifier_handler() != 0 && handler.is_some_and(|handler| handler as usize == notifier_handler())
}

/// Tells the library's own async component that the program handles the context's notifier itself.
///
/// # Safety
///
/// `ctx` is a live context.
pub(crate) unsafe fn set_foreign(ctx: NonNull<AioContext>) {
    // SAFETY: the address of a function of this type, or 0, which is `None`.
    let setter = unsafe {
        transmute::<usize, Option<unsafe extern "C" fn(NonNull<AioContext>)>>(foreign_setter())
    };
    if let Some(setter) = setter {
        // SAFETY: a live context by this function's contract.
        unsafe { setter(ctx) };
    }
}
