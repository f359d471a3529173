//! The lock: tickets are served in the order in which they were taken.
//!
//! `tail` is the next ticket, `head` the one that is served: the thread that has it owns the lock, and
//! `tail - head` threads hold the lock or wait for it. A lock that is free is taken, and one that
//! nobody waits for is given up, with one atomic operation each. Threads that have to wait do so
//! under a mutex, with a condition variable that is signalled at each hand-over.
//!
//! **Giving up is the last access.** The next owner may destroy the lock. A free lock
//! becomes free by the one atomic operation that also finds out that nobody waits. A waiter, on
//! the other hand, looks at `head` only under the mutex, so it cannot go on before the thread that
//! served it has left the mutex for good.

/// A ticket, and whether it was served as it was taken.
pub(crate) struct Ticket {
    pub(crate) number: u32,
    pub(crate) served: bool,
}

/// The owner of a lock that nobody owns.
pub(crate) const NOBODY: usize = 0;

/// What the algorithm needs of a lock. `enter` to `wake_all` are a mutex and its condition variable.
pub(crate) trait LockParts: Copy {
    /// Takes the next ticket. If it is served, all that earlier owners wrote is visible.
    fn take_ticket(self) -> Ticket;

    /// For the owner: serves the next ticket if nobody has taken it yet, in one step with the
    /// look. Publishes to the next owner all that this one wrote. False if somebody waits.
    fn give_up_unless_awaited(self) -> bool;

    /// The ticket being served.
    fn head(self) -> u32;

    /// The next ticket to be taken.
    fn tail(self) -> u32;

    /// For the owner, within the mutex: serves the next ticket, which somebody has.
    fn serve_next(self);

    /// The calling thread's name, never [`NOBODY`].
    fn this_thread(self) -> usize;

    /// The owner's name, of which the caller can only tell whether it is its own.
    fn owner(self) -> usize;
    fn set_owner(self, thread: usize);

    /// How often the owner holds the lock. Only the owner looks or writes.
    fn nesting(self) -> u32;
    fn set_nesting(self, times: u32);

    /// Calls the contention callback.
    fn contended(self);

    fn enter(self);
    fn leave(self);
    fn sleep(self);
    fn wake_all(self);
}

#[inline]
pub(crate) fn lock<L: LockParts>(parts: L) {
    let this = parts.this_thread();
    if parts.owner() == this {
        parts.set_nesting(parts.nesting() + 1);
        return;
    }
    let ticket = parts.take_ticket();
    if !ticket.served {
        wait(parts, ticket.number);
    }
    parts.set_owner(this);
    parts.set_nesting(1);
}

/// Undoes one `lock`; false if the caller does not own the lock.
#[inline]
pub(crate) fn unlock<L: LockParts>(parts: L) -> bool {
    if parts.owner() != parts.this_thread() {
        return false;
    }
    let nesting = parts.nesting() - 1;
    parts.set_nesting(nesting);
    if nesting == 0 {
        parts.set_owner(NOBODY);
        if !parts.give_up_unless_awaited() {
            hand_over(parts);
        }
    }
    true
}

pub(crate) fn is_free<L: LockParts>(parts: L) -> bool {
    parts.head() == parts.tail()
}

/// Waits until a ticket is served.
///
/// The ticket was taken before the callback is called: an owner that is about to sleep and looks
/// at `tail - head` after it has raised `notify_me` either sees the ticket, or has `notify_me`
/// seen by the callback's notification. The callback is called again before each wait, because
/// between two waits the lock has got a new owner.
#[cold]
#[inline(never)]
fn wait<L: LockParts>(parts: L, ticket: u32) {
    loop {
        parts.contended();
        parts.enter();
        let mut served = parts.head() == ticket;
        if !served {
            parts.sleep();
            served = parts.head() == ticket;
        }
        parts.leave();
        if served {
            return;
        }
    }
}

/// Gives the lock to the first waiter. All are woken: they share one condition variable, and each
/// tells the new owner that it waits.
#[cold]
#[inline(never)]
fn hand_over<L: LockParts>(parts: L) {
    parts.enter();
    parts.serve_next();
    parts.wake_all();
    parts.leave();
}
