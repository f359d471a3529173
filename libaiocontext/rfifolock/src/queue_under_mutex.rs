//! `head` and `tail` under the mutex, where there is no aligned atomic word that has both.

use core::sync::atomic::Ordering::Relaxed;

use aio_notify::ffi::LockRef;

use crate::ticket::{LockParts, Ticket};

/// What the functions of this module work on.
pub(crate) fn queue_of(lock: LockRef<'_>) -> LockRef<'_> {
    lock
}

/// See [`LockParts::take_ticket`].
pub(crate) fn take_ticket(lock: LockRef<'_>) -> Ticket {
    lock.enter();
    // Relaxed, here and below: written within the mutex only.
    let number = lock.tail_word().load(Relaxed);
    lock.tail_word().store(number.wrapping_add(1), Relaxed);
    let served = number == head(lock);
    lock.leave();
    Ticket { number, served }
}

/// See [`LockParts::give_up_unless_awaited`]. Never without the mutex.
pub(crate) fn give_up_unless_awaited(_: LockRef<'_>) -> bool {
    false
}

/// See [`LockParts::head`].
pub(crate) fn head(lock: LockRef<'_>) -> u32 {
    lock.head_word().load(Relaxed)
}

/// See [`LockParts::tail`].
pub(crate) fn tail(lock: LockRef<'_>) -> u32 {
    lock.tail_word().load(Relaxed)
}

/// See [`LockParts::serve_next`].
pub(crate) fn serve_next(lock: LockRef<'_>) {
    lock.head_word().store(head(lock).wrapping_add(1), Relaxed);
}
