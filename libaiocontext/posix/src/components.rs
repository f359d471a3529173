//! The async component as it is linked: whether it is the library's own or the program's, and what
//! the library's own has for this one alone.

use core::ptr::NonNull;

use aio_notify::abi::event_notifier::EventNotifierHandler;
use aio_notify::ffi::ContextRef;
use aio_notify::symbols;
use aiocontext_wake::OwnLoop;

type OfContext = Option<extern "C" fn(ContextRef<'_>)>;
type IsContext = Option<extern "C" fn(ContextRef<'_>) -> bool>;
type OwnOf = Option<extern "C" fn(ContextRef<'_>) -> Option<NonNull<OwnLoop>>>;

symbols! {
    in "aiocontext_posix_address_of_";
    fn notify() -> usize = "aio_notify";
    fn accept() -> usize = "aio_notify_accept";
    fn poll() -> usize = "aio_poll";
    fn own_poll() -> usize = "aiocontext_posix_aio_poll";
    // A program's own async component has none of these.
    hidden fn own_notify() -> usize = "aiocontext_async_aio_notify";
    hidden fn own_accept() -> usize = "aiocontext_async_aio_notify_accept";
    hidden fn notifier_handler() -> usize = "aiocontext_async_notifier_handler";
    hidden fn async_own_loop() -> OwnOf = "aiocontext_async_own_loop";
    hidden fn async_renew() -> OfContext = "aiocontext_async_renew";
    hidden fn async_has_urgent() -> IsContext = "aiocontext_async_has_urgent";
}

/// Whether notifications are made by the library's own async component for this loop, so that they
/// may share an event write.
pub(crate) fn async_is_own() -> bool {
    own_notify() != 0
        && notify() == own_notify()
        && accept() == own_accept()
        && poll() == own_poll()
}

/// Whether this is the handler that the library's own async component sets for a context's notifier.
pub(crate) fn is_notifier_handler(handler: EventNotifierHandler) -> bool {
    notifier_handler() != 0 && handler.is_some_and(|handler| handler as usize == notifier_handler())
}

/// What the library's own async component keeps for the wakeups of a context that it has made;
/// `None` where notifications are the program's own.
pub(crate) fn own_loop(ctx: ContextRef<'_>) -> Option<NonNull<OwnLoop>> {
    async_own_loop().filter(|_| async_is_own())?(ctx)
}

/// Whether a bottom half seems to be scheduled, in a context that the library's own async component
/// has made.
#[inline]
pub(crate) fn has_urgent(ctx: ContextRef<'_>) -> bool {
    async_has_urgent().is_some_and(|has_urgent| has_urgent(ctx))
}

/// Makes a context that the library's own async component has made a child process's own, but for
/// what this component keeps.
pub(crate) fn renew(ctx: ContextRef<'_>) {
    if let Some(renew) = async_renew() {
        renew(ctx);
    }
}
