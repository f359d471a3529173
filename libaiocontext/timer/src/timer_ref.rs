//! The C struct of a timer, by its address.

use core::ffi::c_void;
use core::ptr::{without_provenance_mut, NonNull};
use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Relaxed};

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::timer::QEMUTimerCB;
use aio_notify::abi::QEMUTimer;
use aio_notify::view;

view! {
    /// A timer that lives; while it is armed, until it is disarmed. `expire_time`, `next` and
    /// `timer_list` are accessed atomically; while the timer is armed they are written within the
    /// lock of its list.
    pub(crate) struct TimerRef(QEMUTimer) {
        place expire_time as expire_time_place: i64;
        atomic timer_list as list_word: AtomicPtr<QEMUTimerList>;
        fixed cb as cb: QEMUTimerCB;
        fixed opaque as opaque: *mut c_void;
        atomic next as position_word: AtomicPtr<QEMUTimer>;
        atomic scale as scale_word: AtomicI32;
    }
}

impl TimerRef<'_> {
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
        unsafe { self.as_ptr().write(timer) };
    }

    /// The list that the timer is for; `None` after `timer_deinit`, or if it never had one.
    #[inline]
    pub(crate) fn list(self) -> Option<NonNull<QEMUTimerList>> {
        // Relaxed: it changes only while nobody else uses the timer.
        NonNull::new(self.list_word().load(Relaxed))
    }

    /// Takes the timer from its list, on which it is not armed.
    pub(crate) fn leave_list(self) {
        // Relaxed: see `list`.
        self.list_word().store(core::ptr::null_mut(), Relaxed);
    }

    /// ns in the unit of `timer_mod`.
    #[inline]
    pub(crate) fn scale(self) -> i64 {
        // Relaxed: it changes only while nobody else uses the timer.
        i64::from(self.scale_word().load(Relaxed))
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

    impl<'a> TimerRef<'a> {
        #[inline]
        fn expire_time(self) -> &'a AtomicI64 {
            // SAFETY: an aligned `int64_t` of a live timer; all access it atomically.
            unsafe { AtomicI64::from_ptr(self.expire_time_place()) }
        }

        /// Whether the timer is armed. With or without the lock.
        ///
        /// Acquire: pairs with the release in [`Self::set_deadline`]. A thread that finds
        /// the timer disarmed may free it, which must not come before the last access to it.
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

    impl<'a> TimerRef<'a> {
        fn low(self) -> &'a AtomicU32 {
            let half = self.expire_time_place().cast::<u32>();
            // SAFETY: the half of an `int64_t`, aligned as an `int` is.
            let half = unsafe { half.add(usize::from(!LITTLE)) };
            // SAFETY: within a live timer; all access it atomically.
            unsafe { AtomicU32::from_ptr(half) }
        }

        fn high(self) -> &'a AtomicI32 {
            let half = self.expire_time_place().cast::<i32>();
            // SAFETY: the half of an `int64_t`, aligned as an `int` is.
            let half = unsafe { half.add(usize::from(LITTLE)) };
            // SAFETY: within a live timer; all access it atomically.
            unsafe { AtomicI32::from_ptr(half) }
        }

        /// Whether the timer is armed, which its sign says. With or without the lock.
        ///
        /// Acquire: pairs with the release in [`Self::set_deadline`]. A thread that finds
        /// the timer disarmed may free it, which must not come before the last access to it.
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
            // Relaxed: it is read within the lock.
            self.low().store(deadline as u32, Relaxed);
            self.high().store((deadline >> 32) as i32, Release);
        }
    }
}
