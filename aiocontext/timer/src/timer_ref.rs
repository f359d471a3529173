//! The C struct of a timer, by its address.

use core::ffi::c_void;
use core::ptr::{without_provenance_mut, NonNull};
use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Relaxed};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerCB;
use aio_notify::abi::QEMUTimer;

use crate::list::List;

/// A timer that lives; while it is armed, until it is disarmed. `expire_time`, `next` and
/// `timer_list` are accessed atomically; while the timer is armed they are written within the lock
/// of its list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimerRef(NonNull<QEMUTimer>);

/// The address of a member.
macro_rules! member {
    ($timer:expr, $name:ident) => {{
        // SAFETY: within a live timer, by the type's contract.
        unsafe { &raw mut (*$timer.0.as_ptr()).$name }
    }};
}

impl TimerRef {
    /// # Safety
    ///
    /// `timer` points to a timer as the type describes it.
    #[inline]
    pub(crate) unsafe fn new(timer: NonNull<QEMUTimer>) -> Self {
        Self(timer)
    }

    /// Fills in a timer that nobody uses yet.
    pub(crate) fn init(
        self,
        list: *mut QEMUTimerList,
        scale: i32,
        cb: QEMUTimerCB,
        opaque: *mut c_void,
    ) {
        let timer = QEMUTimer {
            expire_time: -1,
            timer_list: list,
            cb,
            opaque,
            next: core::ptr::null_mut(),
            scale,
        };
        // SAFETY: memory for a timer that nobody else uses.
        unsafe { self.0.as_ptr().write(timer) };
    }

    #[inline]
    fn list_word<'a>(self) -> &'a AtomicPtr<QEMUTimerList> {
        let list = member!(self, timer_list);
        // SAFETY: an aligned pointer of a live timer; all access it atomically.
        unsafe { AtomicPtr::from_ptr(list) }
    }

    /// The list that the timer is for; `None` after `timer_deinit`, or if it never had one.
    #[inline]
    pub(crate) fn list<'a>(self) -> Option<&'a List> {
        // Relaxed: it changes only while nobody else uses the timer.
        let list = NonNull::new(self.list_word().load(Relaxed))?;
        // SAFETY: made by `timerlist_new`, and by the caller's contract not freed yet.
        Some(unsafe { List::from_raw(list) })
    }

    /// Takes the timer from its list, on which it is not armed.
    pub(crate) fn leave_list(self) {
        // Relaxed: see `list`.
        self.list_word().store(core::ptr::null_mut(), Relaxed);
    }

    /// ns in the unit of `timer_mod`.
    #[inline]
    pub(crate) fn scale(self) -> i64 {
        let scale = member!(self, scale);
        // SAFETY: an aligned `int` of a live timer.
        let scale = unsafe { AtomicI32::from_ptr(scale) };
        // Relaxed: it changes only while nobody else uses the timer.
        i64::from(scale.load(Relaxed))
    }

    /// The callback and its argument.
    #[inline]
    pub(crate) fn callback(self) -> (QEMUTimerCB, *mut c_void) {
        let cb = member!(self, cb);
        // SAFETY: written while nobody else used the timer.
        let cb = unsafe { cb.read() };
        let opaque = member!(self, opaque);
        // SAFETY: written while nobody else used the timer.
        let opaque = unsafe { opaque.read() };
        (cb, opaque)
    }

    #[inline]
    fn position_word<'a>(self) -> &'a AtomicPtr<QEMUTimer> {
        let next = member!(self, next);
        // SAFETY: an aligned pointer of a live timer; all access it atomically.
        unsafe { AtomicPtr::from_ptr(next) }
    }

    /// Where in the heap the timer is, if it is armed. Within the lock of its list.
    #[inline]
    pub(crate) fn position(self) -> usize {
        // Relaxed: accessed within the lock.
        self.position_word().load(Relaxed).addr()
    }

    /// Keeps the position in `next`, which is of no other use in a heap.
    #[inline]
    pub(crate) fn set_position(self, position: usize) {
        // Relaxed: accessed within the lock.
        self.position_word().store(without_provenance_mut(position), Relaxed);
    }
}

/// `expire_time`, the deadline in ns or -1.
#[cfg(target_pointer_width = "64")]
mod expire_time {
    use core::sync::atomic::{
        AtomicI64,
        Ordering::{Acquire, Release},
    };

    use super::TimerRef;

    impl TimerRef {
        #[inline]
        fn expire_time<'a>(self) -> &'a AtomicI64 {
            let expire_time = member!(self, expire_time);
            // SAFETY: an aligned `int64_t` of a live timer; all access it atomically.
            unsafe { AtomicI64::from_ptr(expire_time) }
        }

        /// Whether the timer is armed. With or without the lock.
        ///
        /// Acquire: pairs with the release in [`Self::set_deadline`]. Who finds the timer
        /// disarmed may free it, which must not come before the last access to it.
        #[inline]
        pub(crate) fn is_armed(self) -> bool {
            self.expire_time().load(Acquire) >= 0
        }

        /// The deadline in ns, -1 while not armed. Within the lock.
        #[inline]
        pub(crate) fn deadline(self) -> i64 {
            self.expire_time().load(Acquire)
        }

        /// Sets the deadline. Within the lock. -1 is the last access of this arming.
        #[inline]
        pub(crate) fn set_deadline(self, deadline: i64) {
            self.expire_time().store(deadline, Release);
        }
    }
}

/// `expire_time` in halves, where it is not aligned as an atomic of its size has to be.
#[cfg(not(target_pointer_width = "64"))]
mod expire_time {
    use core::sync::atomic::{
        AtomicI32, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    };

    use super::TimerRef;

    const LITTLE: bool = cfg!(target_endian = "little");

    impl TimerRef {
        fn low<'a>(self) -> &'a AtomicU32 {
            let half = member!(self, expire_time).cast::<u32>();
            // SAFETY: the half of an `int64_t`, aligned as an `int` is.
            let half = unsafe { half.add(usize::from(!LITTLE)) };
            // SAFETY: within a live timer; all access it atomically.
            unsafe { AtomicU32::from_ptr(half) }
        }

        fn high<'a>(self) -> &'a AtomicI32 {
            let half = member!(self, expire_time).cast::<i32>();
            // SAFETY: the half of an `int64_t`, aligned as an `int` is.
            let half = unsafe { half.add(usize::from(LITTLE)) };
            // SAFETY: within a live timer; all access it atomically.
            unsafe { AtomicI32::from_ptr(half) }
        }

        /// Whether the timer is armed, which its sign says. With or without the lock.
        ///
        /// Acquire: pairs with the release in [`Self::set_deadline`]. Who finds the timer
        /// disarmed may free it, which must not come before the last access to it.
        pub(crate) fn is_armed(self) -> bool {
            self.high().load(Acquire) >= 0
        }

        /// The deadline in ns, -1 while not armed. Within the lock.
        pub(crate) fn deadline(self) -> i64 {
            // Relaxed: within the lock.
            let (high, low) = (self.high().load(Relaxed), self.low().load(Relaxed));
            i64::from(high) << 32 | i64::from(low)
        }

        /// Sets the deadline. Within the lock. -1 is the last access of this arming.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Halves.
        pub(crate) fn set_deadline(self, deadline: i64) {
            // Relaxed: who looks at it looks within the lock.
            self.low().store(deadline as u32, Relaxed);
            self.high().store((deadline >> 32) as i32, Release);
        }
    }
}
