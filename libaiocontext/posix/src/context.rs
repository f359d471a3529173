//! A context as this component sees it: the wakeup protocol's words, the lock's queue, and the
//! [`Watch`] behind `aio_handlers`.

use core::ffi::{c_int, c_void};
use core::ops::Deref;
use core::ptr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use aio_notify::ffi::{preserving_errno, ContextRef};
use aio_notify::protocol::coalescing::Context;
use aio_notify::protocol::POLLER;
use aiocontext_wake::OwnLoop;
use glib_sys::GSource;

use crate::import::{aio_compute_timeout, aio_notify, event_notifier_test_and_clear};
use crate::ours;
use crate::sleep::LOOK;
use crate::watch::Watch;

/// A context with the fd loop that polls it.
#[derive(Clone, Copy)]
pub(crate) struct FdLoop<'a>(pub(crate) ContextRef<'a>);

impl<'a> Deref for FdLoop<'a> {
    type Target = ContextRef<'a>;

    #[inline]
    fn deref(&self) -> &ContextRef<'a> {
        &self.0
    }
}

/// A poller that has said that it may sleep.
pub(crate) struct Raised<'a> {
    ctx: FdLoop<'a>,
    /// What tells of idle bottom halves that are scheduled later.
    seen: u32,
    long: bool,
    process: u32,
}

impl<'a> FdLoop<'a> {
    /// The protocol on this context, with the private words of the async component.
    #[inline]
    fn protocol(self, own: &'a OwnLoop) -> Context<'a> {
        Context { words: self.words(), private: &own.words }
    }

    /// The async component's part, where that is the library's.
    #[inline]
    pub(crate) fn own(self) -> Option<&'a OwnLoop> {
        self.watch()?.own()
    }

    /// In a child process, before anything else: makes the context the child's.
    #[inline]
    pub(crate) fn enter(self) {
        if let Some(watch) = self.watch() {
            if !watch.is_of_this_process() {
                self.renew(watch);
            }
        }
    }

    #[cold]
    fn renew(self, watch: &Watch) {
        if watch.own().is_some() {
            ours::renew(*self);
        }
        watch.renew_in_child();
    }

    /// Announces that the caller may sleep, and then has to look at the work.
    #[inline]
    pub(crate) fn raise(self) -> Raised<'a> {
        let process = aiocontext_fork::generation();
        let seen = match self.own() {
            Some(own) => self.protocol(own).raise(),
            None => {
                // Relaxed: the fence below orders it.
                self.notify_me().fetch_add(POLLER, Relaxed);
                // Pairs with the fence of the program's own `aio_notify`. An addition alone does
                // not order the loads that follow it.
                core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
                0
            }
        };
        Raised { ctx: self, seen, long: false, process }
    }

    /// Whether a bottom half seems to be scheduled: a loop then need not announce that it may sleep,
    /// and at worst makes one turn too many.
    #[inline]
    pub(crate) fn has_urgent(self) -> bool {
        // That it has words of its own says who has made it.
        self.own().is_some() && ours::has_urgent(*self)
    }

    /// Empties the loop's own event, which the set has reported. Others that sleep on are woken soon
    /// where the caller does not come to what it was told of.
    pub(crate) fn consume(self) {
        if let Some(own) = self.own() {
            self.protocol(own).consume(|| own.event.drain());
            // After the event has been emptied, for who has raised before it was filled.
            if own.words.has_sleepers() {
                self.wake_soon();
            }
        }
    }

    /// Wakes one of those who sleep on within 10 ms. Does not wait.
    #[cold]
    pub(crate) fn wake_soon(self) {
        // In a child process that has not used the context yet, those who sleep are the parent's.
        if let Some(watch) = self.watch().filter(|watch| watch.is_of_this_process()) {
            self.rely_on(watch, watch.handover.wake_soon(&watch.epoll));
        }
    }

    /// Without a timer those who sleep look by themselves from now on.
    fn rely_on(self, watch: &Watch, has_timer: bool) {
        if !watch.looks.swap(!has_timer, Relaxed) && !has_timer {
            aio_notify(*self);
        }
    }

    /// Empties the context's notifier, on which the program has a handler, as
    /// `aio_notify_accept()` would before the handler runs.
    pub(crate) fn drain_notifier(self) {
        if self.own().is_some() {
            // SAFETY: initialised, and live as its context is.
            preserving_errno(|| unsafe { event_notifier_test_and_clear(self.notifier()) });
        }
    }

    /// Says whether the program has a handler of its own on the context's notifier.
    pub(crate) fn set_handled(self, handled: bool) {
        if let Some(own) = self.own() {
            own.words.set_handled(handled);
        }
    }

    /// What is left for later, in ns: the time until the loop has to look again, negative for
    /// never.
    pub(crate) fn left(self, watch: &Watch) -> i64 {
        if watch.is_ready() {
            return 0;
        }
        let ns = aio_compute_timeout(*self);
        let look = LOOK.as_nanos() as i64;
        if watch.is_in_set() {
            ns
        } else if ns < 0 {
            look
        } else {
            ns.min(look)
        }
    }

    /// For a poller that is about to return to the program: others that sleep on are woken in time
    /// for what is left.
    #[inline]
    pub(crate) fn leave(self) {
        if let Some(watch) = self.watch().filter(|watch| watch.concerns_others()) {
            self.hand_over(watch);
        }
    }

    #[cold]
    fn hand_over(self, watch: &Watch) {
        // A callback may have forked: then they are the parent's.
        self.enter();
        let left = || if watch.has_sleepers() { self.left(watch) } else { -1 };
        self.rely_on(watch, watch.handover.set(&watch.epoll, left));
    }

    /// How often the calling thread, which owns it, holds the context's lock.
    #[inline]
    pub(crate) fn lock_nesting(self) -> u32 {
        // Relaxed: the owner's own.
        self.lock().nesting_word().load(Relaxed)
    }

    /// For the lock's owner, which holds it so many times: whether somebody waits for the lock that
    /// it has not been told of. It is told once of each, and again where it has returned from the
    /// callback that was told.
    pub(crate) fn has_new_waiter(self, watch: &Watch, nesting: u32) -> bool {
        // Relaxed: the fence of `raise` stands before. A waiter takes its ticket (`tail`) and then
        // kicks: either it is seen here, or it sees that the owner may sleep.
        let head = self.lock().head_word().load(Relaxed);
        let tail = self.lock().tail_word().load(Relaxed);
        let queue = u64::from(head) << 32 | u64::from(tail);
        // Relaxed, here and below: only the lock's owner accesses them.
        let told = watch.told.load(Relaxed) == queue && watch.told_nesting.load(Relaxed) <= nesting;
        if !told {
            watch.told.store(queue, Relaxed);
            watch.told_nesting.store(nesting, Relaxed);
        }
        tail.wrapping_sub(head) > 1 && !told
    }

    /// What this component keeps for the context, if already allocated.
    #[inline]
    pub(crate) fn watch(self) -> Option<&'a Watch> {
        // Acquire: pairs with the exchange in `make_watch`.
        let watch = self.first_handler().load(Acquire).cast::<Watch>();
        // SAFETY: NULL or what `make_watch` put there, which lives until `free_watch`.
        unsafe { watch.as_ref() }
    }

    /// The same, made at the first call. `None` where the system has no descriptor left; `errno`
    /// says so.
    pub(crate) fn make_watch(self) -> Option<&'a Watch> {
        if let Some(watch) = self.watch() {
            return Some(watch);
        }
        let made = match Watch::new(self.source(), ours::own_loop(*self)) {
            Ok(made) => made,
            Err(e) => {
                let code = e.raw_os_error().unwrap_or(libc::EIO);
                errno::set_errno(errno::Errno(code));
                return None;
            }
        };
        let poll_fd = made.poll_fd;
        let made = Box::into_raw(Box::new(made));
        let place = self.first_handler();
        // Release: whoever finds it finds it finished.
        match place.compare_exchange(ptr::null_mut(), made.cast(), AcqRel, Acquire) {
            Ok(_) => {
                // SAFETY: the context is a live GSource, and the GPollFD lives until `free_watch`.
                unsafe { glib_sys::g_source_add_poll(self.source(), poll_fd.cast()) };
            }
            // Two threads at once. SAFETY: made above, and nobody else knows it.
            Err(_) => drop(unsafe { Box::from_raw(made) }),
        }
        self.watch()
    }

    /// Frees what [`Self::make_watch`] made.
    ///
    /// # Safety
    ///
    /// Nobody polls the context or sets handlers, now or later, but to make it anew.
    pub(crate) unsafe fn free_watch(self) {
        let watch = self.first_handler().swap(ptr::null_mut(), AcqRel).cast::<Watch>();
        if watch.is_null() {
            return;
        }
        // SAFETY: a live GSource.
        if unsafe { glib_sys::g_source_is_destroyed(self.source()) } == 0 {
            // SAFETY: made by `make_watch`, which has added it.
            let poll_fd = unsafe { (*watch).poll_fd };
            // SAFETY: a live GSource, which knows it.
            unsafe { glib_sys::g_source_remove_poll(self.source(), poll_fd.cast()) };
        }
        // SAFETY: made by `make_watch`, and nobody uses it any more.
        drop(unsafe { Box::from_raw(watch) });
    }

    /// The context as a GSource.
    fn source(self) -> *mut GSource {
        self.as_ptr().cast()
    }

    /// Whether `opaque` is the context's own notifier, whose handler does not count as progress.
    #[inline]
    pub(crate) fn is_notifier(self, opaque: *mut c_void) -> bool {
        ptr::eq(opaque, self.notifier().cast())
    }

    /// Notes the descriptor of the context's notifier.
    pub(crate) fn set_public(self, fd: c_int) {
        if let Some(watch) = self.watch() {
            watch.public.store(fd, Relaxed);
        }
    }
}

impl Raised<'_> {
    /// Says that the caller may sleep for any time; false if it may not, but for so long as idle
    /// bottom halves wait.
    #[inline]
    pub(crate) fn lengthen(&mut self) -> bool {
        let Some(own) = self.ctx.own() else { return true };
        self.long = self.ctx.protocol(own).lengthen(self.seen);
        self.long
    }

    /// Takes the announcement back, as soon as the caller is awake. False in a child process that
    /// has been forked meanwhile, in which nobody has announced anything.
    #[inline]
    pub(crate) fn lower(self) -> bool {
        if self.process != aiocontext_fork::generation() {
            self.ctx.enter();
            return false;
        }
        match self.ctx.own() {
            Some(own) => self.ctx.protocol(own).lower(self.long),
            // Relaxed: as in `flag::end_poll`.
            None => drop(self.ctx.notify_me().fetch_sub(POLLER, Relaxed)),
        }
        true
    }
}
