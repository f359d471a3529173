//! Handing work over to pollers that sleep on: by one that leaves, and by one that is awake and may
//! not come to it.

use core::sync::atomic::Ordering::Relaxed;

use crate::context::FdLoop;
use crate::import::{aio_compute_timeout, aio_notify};
use crate::timeout::LOOK;
use crate::watch::Watch;

impl FdLoop<'_> {
    /// Wakes one of the remaining sleepers within 10 ms. Does not wait.
    #[cold]
    pub(crate) fn wake_soon(self) {
        // In a child process that has not used the context yet, the sleepers are the parent's.
        if let Some(watch) = self.watch().filter(|watch| watch.is_of_this_process()) {
            self.rely_on(watch, watch.handover.wake_soon(&watch.epoll));
        }
    }

    /// Without a timer, sleepers look by themselves from now on.
    fn rely_on(self, watch: &Watch, has_timer: bool) {
        if !watch.looks.swap(!has_timer, Relaxed) && !has_timer {
            aio_notify(*self);
        }
    }

    /// The time in ns until the loop has to look again, negative for never.
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

    /// For a poller that is about to return to the program: wakes others that sleep on in time for the
    /// work that is left.
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
}
