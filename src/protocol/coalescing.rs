//! The protocol of the library's own loop: a burst of notifications shares one event write.
//!
//! Two events wake sleepers. The *private* one is in the epoll set of the library's own loop, which
//! alone drains it. The *public* one is `ctx->notifier`, which a custom loop polls and drains as it
//! likes. Wherever a thread stops:
//!
//! * **A completed write is shared, an announced one never.** A notifier skips its write only if it
//!   finds [`FULL`]: a write to the private event has completed and has not been consumed. Each
//!   consumer increments the epoch, which keeps a late notifier from marking an event that has been
//!   drained since; while a consumer stands between its mark and its read, no notifier marks the
//!   event at all.
//! * **A thread that has raised `notify_me` is woken.** The library's sleepers count themselves in
//!   `own` besides. Unless `own` explains `notify_me` exactly, a foreign loop sleeps too, and every
//!   notification writes the public event.
//! * **No loop busy-loops for a suspended thread.** The private event is drained because epoll
//!   reports it, not by a flag. The public one is drained by a flag, or while another thread is
//!   about to fill or drain it.

use super::sync::{fence, AtomicBool, AtomicU32, AtomicU64};
use super::sync::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use super::words::{Words, GSOURCE, POLLER};

/// The part of `own` that is in `notify_me` too.
const SLEEPERS: u64 = 0xffff;
/// In `own`: one sleeper that may sleep for longer than idle bottom halves may wait.
const LONG: u64 = 1 << 17;
/// In `own`: the same for the GSource.
const LONG_GSOURCE: u64 = 1 << 16;
const ALL_LONG: u64 = 0xffff << 16;
/// In `own`: one change, to tell two states with the same counts apart.
const VERSION: u64 = 1 << 32;

/// In `state`: a write to the private event has completed and has not been consumed.
const FULL: u64 = 1;
/// In `state`: one consumer between its mark and the end of its read.
const CONSUMER: u64 = 1 << 1;
const CONSUMERS: u64 = 0x7fff << 1;
/// In `state`: one step of the epoch.
const EPOCH: u64 = 1 << 16;

/// The private words of a context.
pub struct Coalescing {
    /// What the library's sleepers have added to `notify_me`, how many of them may sleep long, and
    /// a version.
    own: AtomicU64,
    /// [`FULL`], [`CONSUMERS`] and the epoch.
    state: AtomicU64,
    /// Notifiers between announcing a write of the public event and having set `notified`, and
    /// loops between announcing a read of it and having read.
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

/// A context: its public words and its private ones.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The public words.
    pub words: Words<'a>,
    /// The private words.
    pub private: &'a Coalescing,
}

/// Publishes the caller's work. Returns true if anyone may sleep; the caller must then call
/// [`Context::wake`].
#[inline]
pub fn publish(notify_me: &AtomicU32) -> bool {
    // Pairs with the fence in `begin_look`. Without it the load may overtake the caller's stores:
    // the notifier sees nobody asleep, the sleeper sees no work.
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
    /// The words of a context in which nobody sleeps and both events are empty.
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

    /// Whether any of the library's sleepers is left, for a poller that has lowered its own part.
    #[inline]
    pub fn has_sleepers(&self) -> bool {
        // Relaxed: the caller has a kernel object wake those that slept before this load. A poller
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
        // Release: pairs with the load in `begin_look`. Without it a sleeper may count the bottom half
        // as seen and yet miss it in its look.
        self.idle.fetch_add(1, Release);
    }

    /// Whether a sleeper that is counted as long must not sleep long: an idle bottom half may have
    /// been scheduled since it looked.
    #[inline]
    fn is_idle_missed(&self, seen: u32) -> bool {
        // Pairs with the fence in `publish`. Without it the scheduling thread may find no long sleeper
        // while this one finds nothing scheduled.
        fence(SeqCst);
        // Relaxed: the fence above orders it.
        self.idle.load(Relaxed) != seen
    }

    /// Sets whether the program has a handler of its own on the public event. If so, notifications
    /// that begin after the call fill that event too.
    pub fn set_handled(&self, handled: bool) {
        // Relaxed: the fence below orders it.
        self.handled.store(handled, Relaxed);
        // Pairs with the fence in `publish`. Without it a notifier may miss the flag, and the caller,
        // once it has set its handler, the notifier's work.
        fence(SeqCst);
    }
}

impl Context<'_> {
    /// Wakes those that sleep or are about to, after [`publish`] has returned true. `fill_private`
    /// returns false if it failed.
    pub fn wake(
        &self,
        sleepers: Sleepers,
        fill_private: impl FnOnce() -> bool,
        fill_public: impl FnOnce(),
    ) {
        // Acquire: pairs with the addition to `own` in `raise`. Without it the load of `notify_me` may
        // miss the share of a sleeper that is counted here, and a foreign loop's share takes its place.
        let before = self.private.own.load(Acquire);
        // Acquire: pairs with the subtraction from `notify_me` in `lower`. Without it the second load
        // of `own` may still count a sleeper that is missing here.
        let all = self.words.notify_me.load(Acquire);
        // Relaxed: the load above orders it.
        let own = self.private.own.load(Relaxed);
        // Relaxed: the fence of `publish` pairs with that of `set_handled`.
        let foreign = own != before || own & SLEEPERS != u64::from(all);
        if foreign || self.private.handled.load(Relaxed) {
            self.wake_foreign(fill_public);
        }
        // A sleeper of the library's that is counted in `notify_me` and not yet in `own` looks foreign.
        // Its look finds all work, but not a notification without any.
        let is_for_own = match sleepers {
            Sleepers::All => foreign || own & SLEEPERS != 0,
            Sleepers::Long => own & ALL_LONG != 0,
        };
        if is_for_own {
            self.wake_own(fill_private);
        }
    }

    /// Fills the public event.
    fn wake_foreign(&self, fill_public: impl FnOnce()) {
        // Before the event: pairs with the load in `accept`. Without it a loop that finds the event
        // full busy-loops until this thread has set `notified`. Relaxed: filling the event publishes
        // it along with the event.
        self.private.busy.fetch_add(1, Relaxed);
        fill_public();
        // An exchange, so that several notifiers form one release sequence. Release: pairs with the
        // exchange in `take`. Without it the event may be drained before the write that this stands
        // for, and stays full with `notified` false.
        self.words.notified.swap(true, Release);
        // Relaxed: a loop that sees this before the flag wakes spuriously until it sees the flag.
        self.private.busy.fetch_sub(1, Relaxed);
    }

    /// Fills the private event, unless a completed write has not been consumed yet.
    fn wake_own(&self, fill_private: impl FnOnce() -> bool) {
        // Acquire: keeps the write below behind this load. Without it a write that was consumed
        // before the load may be marked as pending. Loom runs a thread's accesses in order;
        // LOAD_LATE in models/own_loop.pml shows it.
        let seen = self.private.state.load(Acquire);
        if seen & FULL != 0 {
            return;
        }
        if fill_private() && seen & CONSUMERS == 0 {
            // Fails if another thread has consumed or marked the event since. Release: pairs with the
            // exchange in `consume`. Without it the mark may come before the write, as FULL_FIRST in
            // models/own_loop.pml has it. Relaxed on failure: nothing follows.
            let _ = self.private.state.compare_exchange(seen, seen | FULL, Release, Relaxed);
        }
    }

    /// Announces that the caller is about to sleep in the library's own loop, for no longer than idle
    /// bottom halves wait. It must then look at the work, and call [`Self::lower`] when awake.
    /// Returns the argument of [`Self::lengthen`].
    #[inline]
    pub fn raise(&self) -> u32 {
        // First, so that `own` never explains more of `notify_me` than is there. Relaxed: the
        // addition to `own` publishes it.
        self.words.notify_me.fetch_add(POLLER, Relaxed);
        // Release: pairs with the first load of `own` in `wake`. Without it a notifier may count this
        // sleeper in `own` and miss its share of `notify_me`, and a foreign one's takes its place.
        self.private.own.fetch_add(VERSION + u64::from(POLLER), Release);
        self.begin_look()
    }

    /// Between a sleeper's announcement and its look at the work.
    #[inline]
    fn begin_look(&self) -> u32 {
        // Pairs with the fence in `publish`. An addition does not order the loads behind it: they may
        // find no work before `notify_me` is raised, and the wakeup is lost.
        fence(SeqCst);
        // Acquire: pairs with the addition in `announce_idle`. Without it the caller may count a
        // bottom half as seen and yet miss it in its look.
        self.private.idle.load(Acquire)
    }

    /// Announces that the caller, which has looked at the work, may sleep for any time. Returns
    /// false if it may not, because an idle bottom half may have been scheduled since.
    #[inline]
    pub fn lengthen(&self, seen: u32) -> bool {
        // Relaxed: the fence of `is_idle_missed` orders it.
        self.private.own.fetch_add(VERSION + LONG, Relaxed);
        if self.private.is_idle_missed(seen) {
            // Relaxed: a notifier that still counts it as long causes a spurious wakeup.
            self.private.own.fetch_add(VERSION.wrapping_sub(LONG), Relaxed);
            return false;
        }
        true
    }

    /// Undoes [`Self::raise`], and [`Self::lengthen`] if that has returned true (`long`).
    #[inline]
    pub fn lower(&self, long: bool) {
        let counted = u64::from(POLLER) + if long { LONG } else { 0 };
        // First, as in `raise`. Relaxed: the subtraction below publishes it.
        self.private.own.fetch_add(VERSION.wrapping_sub(counted), Relaxed);
        // Release: pairs with the load of `notify_me` in `wake`. Without it a notifier may still count
        // this sleeper in `own`, where it hides a foreign one.
        self.words.notify_me.fetch_sub(POLLER, Release);
    }

    /// [`Self::raise`] for the GSource, which GLib may prepare more than once.
    #[inline]
    pub fn raise_source(&self) -> u32 {
        // First and relaxed, as in `raise`.
        self.words.notify_me.fetch_or(GSOURCE, Relaxed);
        self.count_source(u64::from(GSOURCE));
        self.begin_look()
    }

    /// [`Self::lengthen`] for the GSource.
    #[inline]
    pub fn lengthen_source(&self, seen: u32) -> bool {
        self.count_source(u64::from(GSOURCE) | LONG_GSOURCE);
        if self.private.is_idle_missed(seen) {
            self.count_source(u64::from(GSOURCE));
            return false;
        }
        true
    }

    /// Undoes [`Self::raise_source`].
    #[inline]
    pub fn lower_source(&self) {
        self.count_source(0);
        // Relaxed: see `count_source`.
        self.words.notify_me.fetch_and(!GSOURCE, Relaxed);
    }

    #[inline]
    fn count_source(&self, bits: u64) {
        let all = u64::from(GSOURCE) | LONG_GSOURCE;
        // Relaxed: a foreign sleeper adds an even number, so this bit, seen early or late, never hides
        // one in the comparison of `wake`; at worst the public event is filled in vain.
        let _ = self
            .private
            .own
            .fetch_update(Relaxed, Relaxed, |own| Some((own & !all | bits).wrapping_add(VERSION)));
    }

    /// For the library's own loop, once epoll has reported the private event, before it looks at
    /// the work.
    pub fn consume(&self, drain_private: impl FnOnce()) {
        // Acquire: pairs with the exchange in `wake_own`, for the write. Without it the read may come
        // before the mark, as READ_FIRST in models/own_loop.pml has it. Release: pairs with the
        // load there; a notifier of the new epoch writes after it. Relaxed on failure: only the next
        // try counts.
        let _ = self.private.state.fetch_update(AcqRel, Relaxed, |state| {
            Some((state & !FULL).wrapping_add(EPOCH + CONSUMER))
        });
        // Pairs with the fence in `publish`. Without it the look that follows may come before the mark,
        // as NO_F3 in models/own_loop.pml has it: a notifier finds the event full, and this thread
        // misses its work.
        fence(SeqCst);
        drain_private();
        // Release: pairs with the load in `wake_own`. Without it a notifier may mark the event before
        // the read above drains it, as NO_CONS in models/own_loop.pml has it.
        self.private.state.fetch_sub(CONSUMER, Release);
    }

    /// `aio_notify_accept()`, for a loop that polls the public event. With nothing notified it costs
    /// two loads.
    #[inline]
    pub fn accept(&self, drain_public: impl FnOnce()) {
        // Relaxed: if it misses a notifier, the event is still full, and the next accept finds it.
        let is_busy = self.private.busy.load(Relaxed) != 0;
        // Relaxed: the same.
        if is_busy || self.words.notified.load(Relaxed) {
            self.take(drain_public);
        }
    }

    /// The half of `accept` that costs a system call.
    #[cold]
    #[inline(never)]
    fn take(&self, drain_public: impl FnOnce()) {
        // First: pairs with the load in `accept`. Without it another loop that finds the event full
        // and the flag taken busy-loops until this thread has drained the event. Relaxed: the
        // exchange below publishes it.
        self.private.busy.fetch_add(1, Relaxed);
        // Before the event is drained: a notification between the two then costs a spurious wakeup.
        // The other way round it leaves the event full with the flag clear. Acquire: pairs with the
        // exchange in `wake_foreign`. Without it the event may be drained before the write that the
        // flag stands for. Release: a loop that finds the flag taken also sees the addition above.
        self.words.notified.swap(false, AcqRel);
        drain_public();
        // Relaxed: as in `wake_foreign`.
        self.private.busy.fetch_sub(1, Relaxed);
    }

    /// In a child process: forgets the parent's sleepers, and that the parent's events are full. The
    /// events must already be the child's own. No other thread uses the context.
    pub fn renew(&self) {
        // Relaxed throughout: the caller then publishes that the context is the child's.
        let own = self.private.own.load(Relaxed) & SLEEPERS;
        self.words.notify_me.fetch_sub(own as u32, Relaxed);
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
        // This process may have filled the event already; if not, this costs one read.
        self.words.notified.store(true, Relaxed);
    }
}
