//! The four clocks: their time, and whether they run.

use core::ffi::c_uint;
use core::sync::atomic::{
    AtomicBool, AtomicI64,
    Ordering::{Acquire, Relaxed, Release},
};

use aio_notify::abi::QEMUClockType::{
    self, QEMU_CLOCK_HOST, QEMU_CLOCK_MAX, QEMU_CLOCK_REALTIME, QEMU_CLOCK_VIRTUAL,
    QEMU_CLOCK_VIRTUAL_RT,
};
use aio_notify::ffi::time::clock_ns;

use crate::reset_notifiers::ResetNotifiers;
use crate::LIBRARY;

pub(crate) struct Clock {
    pub(crate) kind: QEMUClockType,
    enabled: AtomicBool,
    pub(crate) reset_notifiers: ResetNotifiers,
    /// The latest time that was seen, for a clock that can go backwards.
    last: AtomicI64,
}

const fn clock(kind: QEMUClockType) -> Clock {
    Clock {
        kind,
        enabled: AtomicBool::new(true),
        reset_notifiers: ResetNotifiers::new(),
        last: AtomicI64::new(i64::MIN),
    }
}

pub(crate) static CLOCKS: [Clock; QEMU_CLOCK_MAX as usize] = [
    clock(QEMU_CLOCK_REALTIME),
    clock(QEMU_CLOCK_VIRTUAL),
    clock(QEMU_CLOCK_HOST),
    clock(QEMU_CLOCK_VIRTUAL_RT),
];

/// A [`QEMUClockType`] as C passes it, which may be any number.
pub(crate) type AnyClockType = c_uint;

/// The clock of a C argument. Aborts if it is none.
#[inline]
pub(crate) fn checked(kind: AnyClockType, function: &str) -> &'static Clock {
    match CLOCKS.get(kind as usize) {
        Some(clock) => clock,
        None => {
            LIBRARY.misuse(format_args!("{function}: argument 'type' is {kind}, which is no clock"))
        }
    }
}

fn monotonic() -> i64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

impl Clock {
    /// The clock's time in ns. Calls functions of the program's, with nothing held.
    pub(crate) fn now(&self) -> i64 {
        match self.kind {
            QEMU_CLOCK_HOST => self.host_time(),
            QEMU_CLOCK_VIRTUAL if aiocontext_weak_imports::use_icount() => {
                aiocontext_weak_imports::cpu_get_icount().unwrap_or_else(guest_time)
            }
            QEMU_CLOCK_VIRTUAL | QEMU_CLOCK_VIRTUAL_RT => guest_time(),
            QEMU_CLOCK_REALTIME | QEMU_CLOCK_MAX => monotonic(),
        }
    }

    /// The wall clock; calls the reset notifiers where it has gone backwards.
    fn host_time(&self) -> i64 {
        // Acquire: pairs with the release below; the clock must be read after `last`, or a thread
        // that was interrupted in between would take the time of another for a jump.
        let last = self.last.load(Acquire);
        let now = clock_ns(libc::CLOCK_REALTIME);
        // Release: pairs with the acquire above. Relaxed where it fails: another thread has
        // written a time, and has told the notifiers if that was a step back.
        let is_first = self.last.compare_exchange(last, now, Release, Relaxed).is_ok();
        if is_first && now < last {
            self.reset_notifiers.call(now);
        }
        now
    }

    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        // Relaxed: a thread that must not miss a stop looks within a list's lock, which the thread that
        // stops the clock takes after it has cleared the flag.
        self.enabled.load(Relaxed)
    }

    /// Starts or stops the clock; returns whether that changes anything.
    pub(crate) fn set_enabled(&self, enabled: bool) -> bool {
        // Relaxed: see `is_enabled`. The loops that are notified of a start see it by the notification.
        self.enabled.swap(enabled, Relaxed) != enabled
    }

    /// Lets the guest's time jump to the next deadline while its CPUs sleep.
    #[inline]
    pub(crate) fn warp(&self) {
        if self.kind == QEMU_CLOCK_VIRTUAL {
            aiocontext_weak_imports::clock_warp(self.kind);
        }
    }

    /// Whether deadlines on the clock count towards timeouts: not where the guest's time goes by
    /// the instructions that it runs.
    pub(crate) fn use_for_deadline(&self) -> bool {
        self.kind != QEMU_CLOCK_VIRTUAL || !aiocontext_weak_imports::use_icount()
    }
}

/// The guest's time; a program without a guest has the monotonic clock in its place.
fn guest_time() -> i64 {
    aiocontext_weak_imports::cpu_get_clock().unwrap_or_else(monotonic)
}
