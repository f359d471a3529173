//! The library's side: a context as C code has it, and the calls on it.

use std::ffi::c_int;
use std::fs;
use std::mem::MaybeUninit;
use std::ptr::{addr_of_mut, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::capi::aio::{aio_notify, aio_notify_accept};
use aio_notify::capi::event_notifier::{
    event_notifier_cleanup, event_notifier_get_fd, event_notifier_init, event_notifier_set,
    event_notifier_test_and_clear,
};

/// What may be called at any time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Set,
    TestAndClear,
    Notify,
    Accept,
}

/// All of them.
pub(crate) const CALLS: [Call; 4] = [Call::Set, Call::TestAndClear, Call::Notify, Call::Accept];

/// A context as C code has it: raw memory that starts as zero.
pub(crate) struct Shared(NonNull<AioContext>);

// SAFETY: the library's functions may be called from any thread; the tests' own accesses to the
// context are atomic or happen while nobody else has it.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new() -> Self {
        let zero = Box::new(MaybeUninit::<AioContext>::zeroed());
        Self(NonNull::from(Box::leak(zero)).cast())
    }

    pub(crate) fn pointer(&self) -> *mut AioContext {
        self.0.as_ptr()
    }

    pub(crate) fn notify_me(&self) -> &AtomicU32 {
        // SAFETY: within the context, which lives as long as `self`.
        let field = unsafe { addr_of_mut!((*self.pointer()).notify_me) };
        // SAFETY: aligned, live, and only accessed atomically.
        unsafe { AtomicU32::from_ptr(field) }
    }

    pub(crate) fn notified(&self) -> bool {
        // SAFETY: within the context, which lives as long as `self`.
        let field = unsafe { addr_of_mut!((*self.pointer()).notified) };
        // SAFETY: live, and only accessed atomically.
        unsafe { AtomicBool::from_ptr(field) }.load(Ordering::SeqCst)
    }

    pub(crate) fn notifier(&self) -> *mut EventNotifier {
        // SAFETY: within the context, which lives as long as `self`.
        unsafe { addr_of_mut!((*self.pointer()).notifier) }
    }

    pub(crate) fn fd(&self) -> c_int {
        // SAFETY: the context's notifier.
        unsafe { event_notifier_get_fd(self.notifier()) }
    }

    pub(crate) fn init(&self, active: bool) -> c_int {
        // SAFETY: the context's notifier; nobody else uses it yet.
        unsafe { event_notifier_init(self.notifier(), c_int::from(active)) }
    }

    pub(crate) fn cleanup(&self) {
        // SAFETY: the context's notifier.
        unsafe { event_notifier_cleanup(self.notifier()) }
    }

    pub(crate) fn call(&self, call: Call) -> c_int {
        match call {
            // SAFETY: the context's notifier.
            Call::Set => unsafe { event_notifier_set(self.notifier()) },
            // SAFETY: the context's notifier.
            Call::TestAndClear => unsafe { event_notifier_test_and_clear(self.notifier()) },
            Call::Notify => {
                // SAFETY: a live context.
                unsafe { aio_notify(self.pointer()) };
                0
            }
            Call::Accept => {
                // SAFETY: a live context.
                unsafe { aio_notify_accept(self.pointer()) };
                0
            }
        }
    }

    /// The eventfd's counter, as the kernel tells it.
    pub(crate) fn count(&self) -> u64 {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", self.fd())).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("eventfd-count:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.cleanup();
        // SAFETY: the box that `new` leaked; nobody has the pointer any more.
        drop(unsafe { Box::from_raw(self.0.as_ptr().cast::<MaybeUninit<AioContext>>()) });
    }
}
