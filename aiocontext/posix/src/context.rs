//! A context as this component sees it: the wakeup protocol's words, the lock's queue, and the
//! [`Watch`] behind `aio_handlers`.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed},
};

use aio_notify::abi::opaque::AioHandler;
use aio_notify::abi::{AioContext, EventNotifier};
use aio_notify::protocol::{self, Event};
use aio_notify::shared::{context, preserving_errno};

use crate::import::event_notifier_test_and_clear;
use crate::watch::Watch;

/// A context that lives for `'a`; other code accesses the protocol's words atomically.
#[derive(Clone, Copy)]
pub(crate) struct ContextRef<'a> {
    pointer: NonNull<AioContext>,
    lives: PhantomData<&'a AtomicU32>,
}

/// The notifier of a live context, by the functions of the event notifier component.
pub(crate) struct WakeEvent(*mut EventNotifier);

impl Event for WakeEvent {
    fn set(&self) {
        // A poller empties; it never fills.
    }

    fn clear(&self) {
        // SAFETY: initialised, and live as its context is.
        preserving_errno(|| unsafe { event_notifier_test_and_clear(self.0) });
    }
}

impl<'a> protocol::Context for ContextRef<'a> {
    type NotifyMe = &'a AtomicU32;
    type Notified = &'a AtomicBool;
    type Event = WakeEvent;

    #[inline]
    fn notify_me(self) -> &'a AtomicU32 {
        // SAFETY: a live context, by the type's contract.
        unsafe { context::notify_me(self.pointer) }
    }

    #[inline]
    fn notified(self) -> &'a AtomicBool {
        // SAFETY: a live context, by the type's contract.
        unsafe { context::notified(self.pointer) }
    }

    #[inline]
    fn event(self) -> WakeEvent {
        WakeEvent(self.notifier())
    }
}

impl<'a> ContextRef<'a> {
    /// # Safety
    ///
    /// `pointer` points to a context as the type describes it.
    #[inline]
    pub(crate) unsafe fn new(pointer: NonNull<AioContext>) -> Self {
        Self { pointer, lives: PhantomData }
    }

    #[inline]
    pub(crate) fn as_ptr(self) -> *mut AioContext {
        self.pointer.as_ptr()
    }

    #[inline]
    pub(crate) fn as_non_null(self) -> NonNull<AioContext> {
        self.pointer
    }

    #[inline]
    pub(crate) fn notifier(self) -> *mut EventNotifier {
        // SAFETY: within a live context, by the type's contract.
        unsafe { &raw mut (*self.as_ptr()).notifier }
    }

    /// Whether somebody waits for the context's lock, which its owner calls from.
    #[inline]
    pub(crate) fn has_waiters(self) -> bool {
        // SAFETY: within a live context, by the type's contract.
        let head = unsafe { &raw mut (*self.as_ptr()).lock.head };
        // SAFETY: within a live context, by the type's contract.
        let tail = unsafe { &raw mut (*self.as_ptr()).lock.tail };
        // SAFETY: live and aligned; the lock changes it atomically.
        let head = unsafe { AtomicU32::from_ptr(head) };
        // SAFETY: live and aligned; the lock changes it atomically.
        let tail = unsafe { AtomicU32::from_ptr(tail) };
        // Relaxed: the fence of `begin_poll` stands before. A waiter takes its ticket (`tail`), and
        // then notifies: either it is seen here, or it sees `notify_me` raised and wakes.
        tail.load(Relaxed).wrapping_sub(head.load(Relaxed)) > 1
    }

    fn place(self) -> &'a AtomicPtr<AioHandler> {
        // SAFETY: within a live context, by the type's contract.
        let place = unsafe { &raw mut (*self.as_ptr()).aio_handlers.lh_first };
        // SAFETY: an aligned pointer of a live context, which only this component changes.
        unsafe { AtomicPtr::from_ptr(place) }
    }

    /// What this component keeps for the context, if it has come to that.
    #[inline]
    pub(crate) fn watch(self) -> Option<&'a Watch> {
        // Acquire: pairs with the exchange in `make_watch`.
        let watch = self.place().load(Acquire).cast::<Watch>();
        // SAFETY: NULL or what `make_watch` put there, which lives until `free_watch`.
        unsafe { watch.as_ref() }
    }

    /// The same, made at the first call. `None` where the system has no descriptor left; `errno`
    /// says so.
    pub(crate) fn make_watch(self) -> Option<&'a Watch> {
        if let Some(watch) = self.watch() {
            return Some(watch);
        }
        let made = Watch::new().ok()?;
        let poll_fd = made.poll_fd;
        let made = Box::into_raw(Box::new(made));
        let place = self.place();
        // Release: whoever finds it finds it finished.
        match place.compare_exchange(ptr::null_mut(), made.cast(), AcqRel, Acquire) {
            Ok(_) => {
                // SAFETY: the context is a live GSource, and the GPollFD lives until `free_watch`.
                unsafe { glib_sys::g_source_add_poll(self.as_ptr().cast(), poll_fd.cast()) };
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
        let watch = self.place().swap(ptr::null_mut(), AcqRel).cast::<Watch>();
        if watch.is_null() {
            return;
        }
        let source = self.as_ptr().cast::<glib_sys::GSource>();
        // SAFETY: a live GSource.
        if unsafe { glib_sys::g_source_is_destroyed(source) } == 0 {
            // SAFETY: made by `make_watch`, which has added it.
            let poll_fd = unsafe { (*watch).poll_fd };
            // SAFETY: a live GSource, which knows it.
            unsafe { glib_sys::g_source_remove_poll(source, poll_fd.cast()) };
        }
        // SAFETY: made by `make_watch`, and nobody uses it any more.
        drop(unsafe { Box::from_raw(watch) });
    }

    /// Whether `opaque` is the context's own notifier, whose handler does not count as progress.
    #[inline]
    pub(crate) fn is_notifier(self, opaque: *mut c_void) -> bool {
        ptr::eq(opaque, self.notifier().cast())
    }
}
