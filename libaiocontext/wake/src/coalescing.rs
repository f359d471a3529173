//! The wakeup protocol of the library's own loop: a burst of notifications shares one event write.
//!
//! It owns the order of the accesses to the words below, and nothing else: no descriptor, no memory
//! of its own. It must never lock, allocate or block, because [`notify`] is called from signal
//! handlers.
//!
//! Two events wake sleepers. The *private* one is in the epoll set of the library's own loop, which
//! alone empties it. The *public* one is `ctx->notifier`, which a loop of the program's own polls
//! and empties as it likes. What holds, wherever a thread stops:
//!
//! * **A completed write is shared, an announced one never.** A notifier leaves without a write
//!   only if it finds [`FULL`], which says that a write to the private event has completed and has
//!   not been consumed. The epoch, which each consumer increments, keeps a late notifier from
//!   marking an event that has been emptied since; while a consumer stands between its mark and
//!   its read, nobody marks at all.
//! * **Whoever raises `notify_me` is woken.** The library's sleepers count themselves in `own`
//!   besides. Unless `own` explains `notify_me` exactly, somebody else sleeps too, and every
//!   notification writes the public event, without sharing.
//! * **Nobody spins for a suspended thread.** The private event is emptied because epoll reports
//!   it, not by a flag. The public one is emptied by a flag, or while another thread is on its way to
//!   fill or to empty it.

use crate::sync::{fence, AtomicBool, AtomicU32, AtomicU64};
use crate::sync::{AcqRel, Acquire, Relaxed, Release, SeqCst};

/// What each blocking poller adds to `notify_me`, and to `own`.
const POLLER: u32 = 2;
/// The bit of the GSource in `notify_me` and in `own`.
const GSOURCE: u32 = 1;

/// The part of `own` that is in `notify_me` too.
const SLEEPERS: u64 = 0xffff;
/// One sleeper that may sleep for longer than idle bottom halves may wait.
const LONG: u64 = 1 << 17;
/// The same of the GSource.
const LONG_GSOURCE: u64 = 1 << 16;
const ALL_LONG: u64 = 0xffff << 16;
/// Tells two states with the same counts apart.
const VERSION: u64 = 1 << 32;

/// In `state`: a write to the private event has completed and has not been consumed.
const FULL: u64 = 1;
/// In `state`: one consumer between its mark and the end of its read.
const CONSUMER: u64 = 1 << 1;
const CONSUMERS: u64 = 0x7fff << 1;
/// In `state`: one turn of the epoch.
const EPOCH: u64 = 1 << 16;

/// The private words of a context.
pub struct Coalescing {
    /// What the library's sleepers have added to `notify_me`, how many of them may sleep long, and
    /// a version.
    own: AtomicU64,
    /// [`FULL`], [`CONSUMERS`] and the epoch.
    state: AtomicU64,
    /// Notifiers that are about to fill the public event, or have and have not said so yet; and
    /// loops that are about to empty it, or have and have not said so yet.
    busy: AtomicU32,
    /// Whether the program has a handler of its own on the public event.
    handled: AtomicBool,
    /// How many idle bottom halves have been scheduled.
    idle: AtomicU32,
}

/// Which sleepers a notification is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sleepers {
    /// All of them.
    All,
    /// Those that may sleep for longer than an idle bottom half may wait.
    Long,
}

/// The events of a context.
pub trait Events {
    /// Fills the private event. False where that failed.
    fn fill_private(&self) -> bool;
    /// Empties the private event.
    fn drain_private(&self);
    /// Fills the public event.
    fn fill_public(&self);
    /// Empties the public event.
    fn drain_public(&self);
}

/// A context: its public words, its private ones, and its events.
pub struct Context<'a, E> {
    /// `ctx->notify_me`.
    pub notify_me: &'a AtomicU32,
    /// `ctx->notified`.
    pub notified: &'a AtomicBool,
    /// The private words.
    pub private: &'a Coalescing,
    /// The events.
    pub events: E,
}

/// Publishes the caller's work; returns whether anybody may sleep, whom [`Context::wake`] wakes.
#[inline]
pub fn publish(notify_me: &AtomicU32) -> bool {
    // Pairs with the fence in `raise`. Without it the load may overtake the caller's stores: the
    // notifier sees nobody asleep, the sleeper sees no work.
    fence(SeqCst);
    // Relaxed: the fence above orders it.
    notify_me.load(Relaxed) != 0
}

impl Default for Coalescing {
    fn default() -> Self {
        Self::new()
    }
}

impl Coalescing {
    /// Nobody sleeps, and both events are empty.
    #[must_use]
    pub fn new() -> Self {
        Self {
            own: AtomicU64::new(0),
            state: AtomicU64::new(0),
            busy: AtomicU32::new(0),
            handled: AtomicBool::new(false),
            idle: AtomicU32::new(0),
        }
    }

    /// Whether any of the library's sleepers is left. For a poller that has lowered its own part.
    #[inline]
    pub fn has_sleepers(&self) -> bool {
        // Relaxed: the caller lets a kernel object wake whoever slept before this load. A poller
        // that raises after it computes its own timeout.
        self.own.load(Relaxed) & SLEEPERS != 0
    }

    /// Whether any of the library's sleepers may sleep for longer than an idle bottom half may wait.
    /// After [`Self::announce_idle`] and [`publish`].
    #[inline]
    pub fn has_long_sleepers(&self) -> bool {
        // Relaxed: the fence of `publish` orders it, and pairs with the one in `is_idle_missed`.
        self.own.load(Relaxed) & ALL_LONG != 0
    }

    /// For a thread that has scheduled an idle bottom half, before [`publish`].
    pub fn announce_idle(&self) {
        // Release: pairs with the loads in `raise` and `raise_source`. Without it a sleeper may count
        // the bottom half among those that it has seen, and miss it in its look.
        self.idle.fetch_add(1, Release);
    }

    /// Whether a sleeper that has said that it may sleep long must not: an idle bottom half may have
    /// been scheduled since it looked.
    fn is_idle_missed(&self, seen: u32) -> bool {
        // Pairs with the fence in `publish`. Without it the thread that schedules may find nobody who
        // sleeps long, and this one nothing that was scheduled.
        fence(SeqCst);
        // Relaxed: the fence above orders it.
        self.idle.load(Relaxed) != seen
    }

    /// Says whether the program has a handler of its own on the public event. Notifications that
    /// begin after the call fill it too.
    pub fn set_handled(&self, handled: bool) {
        // Relaxed: the fence below orders it.
        self.handled.store(handled, Relaxed);
        // Pairs with the fence in `publish`: who misses the flag notifies of work that the caller
        // sees once it has set its handler.
        fence(SeqCst);
    }
}

impl<E: Events> Context<'_, E> {
    /// Wakes whoever sleeps or is about to. After [`publish`] has returned true.
    pub fn wake(&self, sleepers: Sleepers) {
        // Acquire: pairs with the additions in `raise`. Without it the load of `notify_me` may miss
        // the part of a sleeper that is counted here, and a foreign one's takes its place.
        let before = self.private.own.load(Acquire);
        // Acquire: pairs with the subtraction in `lower`. Without it the second load of `own` may
        // still count a sleeper that is missing here.
        let all = self.notify_me.load(Acquire);
        // Relaxed: the load above orders it.
        let own = self.private.own.load(Relaxed);
        // Relaxed: the fence of `publish` pairs with that of `set_handled`.
        let foreign = own != before || own & SLEEPERS != u64::from(all);
        if foreign || self.private.handled.load(Relaxed) {
            self.wake_foreign();
        }
        // One of the library's that is counted in `notify_me` and not yet in `own` looks like a foreign
        // one. It finds all work in its look, but not a notification without any.
        let is_for_own = match sleepers {
            Sleepers::All => foreign || own & SLEEPERS != 0,
            Sleepers::Long => own & ALL_LONG != 0,
        };
        if is_for_own {
            self.wake_own();
        }
    }

    /// Fills the public event.
    fn wake_foreign(&self) {
        // Before the event: pairs with the load in `accept`. A loop that finds the event full looks
        // at it for as long as this thread has not said that it filled it. Relaxed: filling the
        // event publishes it along with the event.
        self.private.busy.fetch_add(1, Relaxed);
        self.events.fill_public();
        // An exchange, so that those of several notifiers make one release sequence. Release: pairs
        // with the exchange in `take`. Without it the event may be emptied before the write that
        // this stands for, and stays full with `notified` false.
        self.notified.swap(true, Release);
        // Relaxed: a loop that sees this before the flag returns for nothing, until it sees that too.
        self.private.busy.fetch_sub(1, Relaxed);
    }

    /// Fills the private event, unless a completed write has not been consumed yet.
    fn wake_own(&self) {
        // Acquire: keeps the write below behind this load. Without it a write that was consumed
        // before the load would be marked as one that was not. Loom runs a thread's accesses in
        // order; LOAD_LATE in models/own_loop.pml shows it.
        let seen = self.private.state.load(Acquire);
        if seen & FULL != 0 {
            return;
        }
        if self.events.fill_private() && seen & CONSUMERS == 0 {
            // Fails where somebody has consumed since, or has marked the event. Release: pairs with
            // the exchange in `consume`. Without it the mark may come before the write, as
            // FULL_FIRST in models/own_loop.pml has it. Relaxed where it fails: nothing follows.
            let _ = self.private.state.compare_exchange(seen, seen | FULL, Release, Relaxed);
        }
    }

    /// Announces that the caller is about to sleep in the library's own loop, but no longer than
    /// idle bottom halves wait. It must then look at the work, and [`Self::lower`] when it is awake.
    /// Returns what [`Self::lengthen`] takes.
    #[inline]
    pub fn raise(&self) -> u32 {
        // First, so that `own` never explains more of `notify_me` than is there. Relaxed: the
        // addition below publishes it.
        self.notify_me.fetch_add(POLLER, Relaxed);
        // Release: pairs with the first load in `wake`.
        self.private.own.fetch_add(VERSION + u64::from(POLLER), Release);
        self.begin_look()
    }

    /// Stands between the announcement of a sleeper and its look at the work.
    #[inline]
    fn begin_look(&self) -> u32 {
        // Pairs with the fence in `publish`. An addition alone does not order the loads that
        // follow: the work is found missing before `notify_me` is raised.
        fence(SeqCst);
        // Acquire: pairs with the addition in `announce_idle`.
        self.private.idle.load(Acquire)
    }

    /// Says that the caller, which has looked at the work, may sleep for any time. False if it may
    /// not, for an idle bottom half may have been scheduled since.
    #[inline]
    pub fn lengthen(&self, seen: u32) -> bool {
        // Relaxed: the fence of `is_idle_missed` orders it.
        self.private.own.fetch_add(VERSION + LONG, Relaxed);
        if self.private.is_idle_missed(seen) {
            // Relaxed: who finds it long wakes it for nothing.
            self.private.own.fetch_add(VERSION.wrapping_sub(LONG), Relaxed);
            return false;
        }
        true
    }

    /// Undoes [`Self::raise`], and [`Self::lengthen`] where it has returned true.
    #[inline]
    pub fn lower(&self, long: bool) {
        let counted = u64::from(POLLER) + if long { LONG } else { 0 };
        // First, as in `raise`. Relaxed: the subtraction below publishes it.
        self.private.own.fetch_add(VERSION.wrapping_sub(counted), Relaxed);
        // Release: pairs with the load in `wake`.
        self.notify_me.fetch_sub(POLLER, Release);
    }

    /// [`Self::raise`] for the GSource, which GLib may prepare more than once.
    pub fn raise_source(&self) -> u32 {
        // As in `raise`.
        self.notify_me.fetch_or(GSOURCE, Relaxed);
        self.count_source(u64::from(GSOURCE));
        self.begin_look()
    }

    /// [`Self::lengthen`] for the GSource.
    pub fn lengthen_source(&self, seen: u32) -> bool {
        self.count_source(u64::from(GSOURCE) | LONG_GSOURCE);
        if self.private.is_idle_missed(seen) {
            self.count_source(u64::from(GSOURCE));
            return false;
        }
        true
    }

    /// Undoes [`Self::raise_source`].
    pub fn lower_source(&self) {
        self.count_source(0);
        // Relaxed: see `count_source`.
        self.notify_me.fetch_and(!GSOURCE, Relaxed);
    }

    fn count_source(&self, bits: u64) {
        let all = u64::from(GSOURCE) | LONG_GSOURCE;
        // Relaxed: a foreign sleeper adds an even number, so this bit, seen early or late, never takes
        // its place in the comparison of `wake`; it only has the public event filled for nothing.
        let _ = self
            .private
            .own
            .fetch_update(Relaxed, Relaxed, |own| Some((own & !all | bits).wrapping_add(VERSION)));
    }

    /// For the library's own loop, once epoll has reported the private event, before it looks at
    /// the work.
    pub fn consume(&self) {
        // Acquire: pairs with the exchange in `wake_own`, for the write. Without it the read may come
        // before the mark, as READ_FIRST in models/own_loop.pml has it. Release: pairs with the
        // load there; a notifier of the new epoch writes after it. Relaxed where it fails: only
        // the next try counts.
        let _ = self.private.state.fetch_update(AcqRel, Relaxed, |state| {
            Some((state & !FULL).wrapping_add(EPOCH + CONSUMER))
        });
        // Pairs with the fence in `publish`. Without it the look that follows may be one from before
        // the mark, as NO_F3 in models/own_loop.pml has it: a notifier found the event full, and this
        // thread misses its work.
        fence(SeqCst);
        self.events.drain_private();
        // Release: pairs with the load in `wake_own`. Without it a notifier may mark the event while
        // the read above has yet to empty it, as NO_CONS in models/own_loop.pml has it.
        self.private.state.fetch_sub(CONSUMER, Release);
    }

    /// `aio_notify_accept()`, for a loop that polls the public event. With nothing notified it is
    /// two loads.
    #[inline]
    pub fn accept(&self) {
        // Relaxed: see the subtraction in `wake_foreign`.
        let is_busy = self.private.busy.load(Relaxed) != 0;
        // Relaxed: a `true` that is missed here is found by the next turn, for the event keeps poll
        // from sleeping.
        if is_busy || self.notified.load(Relaxed) {
            self.take();
        }
    }

    /// The half of `accept` that costs a system call.
    #[cold]
    #[inline(never)]
    fn take(&self) {
        // First: another loop that finds the event full and the flag taken looks at it for as long
        // as this thread has not emptied it. Relaxed: the exchange below publishes it.
        self.private.busy.fetch_add(1, Relaxed);
        // Before the event is emptied: a notification between the two costs an idle read instead of
        // leaving the event full with the flag clear. Acquire: pairs with the exchange in
        // `wake_foreign`. Release: who sees the flag taken sees the addition above.
        self.notified.swap(false, AcqRel);
        self.events.drain_public();
        // Relaxed: as in `wake_foreign`.
        self.private.busy.fetch_sub(1, Relaxed);
    }

    /// In a child process, whose parent's sleepers are not there: forgets them, and that events of
    /// the parent's are full. The events must be the child's own by then. Nobody else uses the
    /// context.
    pub fn renew(&self) {
        // Relaxed throughout: the caller publishes that the context is the child's.
        let own = self.private.own.load(Relaxed) & SLEEPERS;
        self.notify_me.fetch_sub(own as u32, Relaxed);
        self.private
            .own
            .fetch_update(Relaxed, Relaxed, |own| {
                Some((own & !(SLEEPERS | ALL_LONG)).wrapping_add(VERSION))
            })
            .ok();
        self.private
            .state
            .fetch_update(Relaxed, Relaxed, |state| {
                Some((state & !(FULL | CONSUMERS)).wrapping_add(EPOCH))
            })
            .ok();
        self.private.busy.store(0, Relaxed);
        // The event may have been filled by this process already: a read too many.
        self.notified.store(true, Relaxed);
    }
}
