//! The other components as they are linked: whether each is the library's own or the program's, and
//! what the library's own have for this one alone.

use aio_notify::ffi::{ContextRef, LockRef};
use aio_notify::symbols;

type OfContext = Option<extern "C" fn(ContextRef<'_>)>;
type IsContext = Option<extern "C" fn(ContextRef<'_>) -> bool>;
type Release = Option<unsafe extern "C" fn(ContextRef<'_>)>;
type OfLock = Option<unsafe extern "C" fn(LockRef<'_>)>;

symbols! {
    in "aiocontext_async_address_of_";
    fn notify() -> usize = "aio_notify";
    fn accept() -> usize = "aio_notify_accept";
    fn own_notify() -> usize = "aiocontext_async_aio_notify";
    fn own_accept() -> usize = "aiocontext_async_aio_notify_accept";
    // A static program with a loop of its own may have neither this nor ours.
    weak fn poll() -> usize = "aio_poll";
    hidden fn own_poll() -> usize = "aiocontext_posix_aio_poll";
    hidden fn posix_release() -> Release = "aiocontext_posix_release";
    hidden fn posix_renew() -> OfContext = "aiocontext_posix_renew";
    hidden fn posix_looks() -> IsContext = "aiocontext_posix_looks";
    hidden fn posix_wake_soon() -> OfContext = "aiocontext_posix_wake_soon";
    fn event_notifier_set() -> usize = "event_notifier_set";
    hidden fn own_set() -> usize = "aiocontext_event_notifier_event_notifier_set";
    fn event_notifier_test_and_clear() -> usize = "event_notifier_test_and_clear";
    hidden fn own_clear() -> usize = "aiocontext_event_notifier_event_notifier_test_and_clear";
    fn lock() -> usize = "rfifolock_lock";
    hidden fn own_lock() -> usize = "aiocontext_rfifolock_rfifolock_lock";
    hidden fn lock_renew() -> OfLock = "aiocontext_rfifolock_renew";
}

/// Whether the library's own `aio_poll` is the loop, and notifies by this component.
///
/// Also false in a program that is not position-independent and takes the address of one of the
/// functions, which is then in the program. That only costs speed.
#[inline]
pub(crate) fn loop_is_own() -> bool {
    own_poll() != 0 && poll() == own_poll() && notify() == own_notify() && accept() == own_accept()
}

/// Whether `event_notifier_set` is the library's own, which leaves `errno` alone.
#[inline]
pub(crate) fn event_notifier_set_is_own() -> bool {
    event_notifier_set() == own_set()
}

/// Whether `event_notifier_test_and_clear` is.
#[inline]
pub(crate) fn test_and_clear_is_own() -> bool {
    event_notifier_test_and_clear() == own_clear()
}

/// Frees what the library's own fd loop keeps for a context that ends.
///
/// # Safety
///
/// Nobody uses the context any more.
pub(crate) unsafe fn release_fd_loop(ctx: ContextRef<'_>) {
    if let Some(release) = posix_release().filter(|_| loop_is_own()) {
        // SAFETY: the same contract.
        unsafe { release(ctx) };
    }
}

/// Makes the descriptors of the library's own fd loop a child process's own.
pub(crate) fn renew_fd_loop(ctx: ContextRef<'_>) {
    if let Some(renew) = posix_renew().filter(|_| loop_is_own()) {
        renew(ctx);
    }
}

/// Wakes one of the remaining sleepers within 10 ms, by a timer.
pub(crate) fn wake_soon(ctx: ContextRef<'_>) {
    if let Some(wake_soon) = posix_wake_soon().filter(|_| loop_is_own()) {
        wake_soon(ctx);
    }
}

/// Whether a loop that polls the context's descriptor must nevertheless look at the context every
/// 10 ms.
pub(crate) fn must_look(ctx: ContextRef<'_>) -> bool {
    loop_is_own() && posix_looks().is_some_and(|looks| looks(ctx))
}

/// In a child process: makes the lock forget its waiters, if it is the library's own.
///
/// # Safety
///
/// Nobody else uses the lock.
pub(crate) unsafe fn renew_lock(r: LockRef<'_>) {
    if let Some(renew) = lock_renew().filter(|_| lock() == own_lock()) {
        // SAFETY: the same contract.
        unsafe { renew(r) };
    }
}
