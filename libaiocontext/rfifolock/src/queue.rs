//! `head` and `tail` as the halves of one atomic word.
//!
//! Others (a loop that wants to know whether somebody waits) only read the halves. A 64-bit atomic
//! operation is one for each half of an aligned word on all machines that have it; the C11 model
//! knows no accesses of two sizes, so no ordering here is one that such a reader pairs with: it
//! goes by the full fences of the notification.

use crate::sync::{
    AtomicU64,
    Ordering::{self, Acquire, Relaxed, Release},
};
use crate::ticket::Ticket;

const HEAD_SHIFT: u32 = if cfg!(target_endian = "little") { 0 } else { 32 };
const TAIL_SHIFT: u32 = 32 - HEAD_SHIFT;

#[allow(clippy::cast_possible_truncation)] // That is what it is for.
const fn half(word: u64, shift: u32) -> u32 {
    (word >> shift) as u32
}

/// The word with one more in a half, which does not carry into the other.
const fn add_one(word: u64, shift: u32) -> u64 {
    let sum = half(word, shift).wrapping_add(1) as u64;
    (word & !(0xffff_ffff << shift)) | (sum << shift)
}

/// Adds one to a half; returns what the word was.
#[inline]
fn fetch_add_one(word: &AtomicU64, shift: u32, order: Ordering) -> u64 {
    if shift == 32 {
        // What the upper half carries is lost, as it should be.
        return word.fetch_add(1 << shift, order);
    }
    // Relaxed where it fails: only the next try counts.
    let sum = word.fetch_update(order, Relaxed, |old| Some(add_one(old, shift)));
    sum.unwrap_or_else(|old| old)
}

/// See [`crate::ticket::LockParts::take_ticket`].
#[inline]
pub(crate) fn take_ticket(word: &AtomicU64) -> Ticket {
    // Acquire: pairs with the release in `give_up_unless_awaited`; else this owner would not see
    // what earlier ones wrote.
    let old = fetch_add_one(word, TAIL_SHIFT, Acquire);
    let number = half(old, TAIL_SHIFT);
    Ticket { number, served: number == half(old, HEAD_SHIFT) }
}

/// See [`crate::ticket::LockParts::give_up_unless_awaited`].
#[inline]
pub(crate) fn give_up_unless_awaited(word: &AtomicU64) -> bool {
    // Relaxed: the exchange looks again.
    let old = word.load(Relaxed);
    let next = add_one(old, HEAD_SHIFT);
    // Release: pairs with the acquire in `take_ticket`; else the next owner would not see what this
    // one wrote. Relaxed where it fails: the mutex orders what follows.
    half(next, HEAD_SHIFT) == half(old, TAIL_SHIFT)
        && word.compare_exchange(old, next, Release, Relaxed).is_ok()
}

/// See [`crate::ticket::LockParts::head`].
pub(crate) fn head(word: &AtomicU64) -> u32 {
    // Relaxed: a waiter looks within the mutex, in which `serve_next` wrote it.
    half(word.load(Relaxed), HEAD_SHIFT)
}

/// See [`crate::ticket::LockParts::tail`].
pub(crate) fn tail(word: &AtomicU64) -> u32 {
    // Relaxed: a look at a lock that nobody uses any more.
    half(word.load(Relaxed), TAIL_SHIFT)
}

/// See [`crate::ticket::LockParts::serve_next`].
pub(crate) fn serve_next(word: &AtomicU64) {
    // Relaxed: the next owner looks within the mutex, which publishes what this one wrote.
    fetch_add_one(word, HEAD_SHIFT, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::add_one;

    /// Also for the half that this machine's byte order does not need.
    #[test]
    fn adding_to_a_half_leaves_the_other_alone() {
        assert_eq!(add_one(0x5_0000_0007, 0), 0x5_0000_0008);
        assert_eq!(add_one(0x5_0000_0007, 32), 0x6_0000_0007);
        assert_eq!(add_one(0x5_ffff_ffff, 0), 0x5_0000_0000);
        assert_eq!(add_one(0xffff_ffff_0000_0007, 32), 7);
    }
}
