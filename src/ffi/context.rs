//! Views of a context and its lock.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32};

use libc::{pthread_cond_t, pthread_mutex_t, pthread_t};

use super::View;
use crate::abi::aio::IOHandler;
use crate::abi::opaque::{AioHandler, ThreadPool, QEMUBH};
use crate::abi::{AioContext, EventNotifier, QEMUTimerListGroup, RFifoLock};
use crate::layout::{NOTIFIED, NOTIFIER, NOTIFY_ME};
use crate::protocol::Words;
use crate::view;

view! {
    /// A context that lives for `'a`. Other code accesses its words atomically, and `notifier`
    /// atomically or not at the same time; the members that belong to a component are initialised
    /// where that is in use.
    pub struct ContextRef(AioContext) {
        place lock as lock_place: RFifoLock;
        atomic aio_handlers.lh_first as first_handler: AtomicPtr<AioHandler>;
        place bh_lock.lock as bh_mutex: pthread_mutex_t;
        atomic first_bh as first_bh: AtomicPtr<QEMUBH>;
        atomic notifier.rfd as notifier_rfd: AtomicI32;
        atomic notifier.wfd as notifier_wfd: AtomicI32;
        atomic thread_pool as thread_pool: AtomicPtr<ThreadPool>;
        place tlg as timers: QEMUTimerListGroup;
    }
}

// The words of the protocol, which are where the library was built for.
impl<'a> ContextRef<'a> {
    /// The address of the member at this offset of [`crate::layout`].
    #[inline]
    fn member<T>(self, offset: usize) -> *mut T {
        self.as_ptr().wrapping_byte_add(offset).cast()
    }

    /// The word `notify_me`.
    #[inline]
    pub fn notify_me(self) -> &'a AtomicU32 {
        // SAFETY: live and aligned; all code accesses it atomically, by the type's contract.
        unsafe { AtomicU32::from_ptr(self.member(NOTIFY_ME)) }
    }

    /// The word `notified`.
    #[inline]
    pub fn notified(self) -> &'a AtomicBool {
        // SAFETY: a live `bool`; all code accesses it atomically, by the type's contract.
        unsafe { AtomicBool::from_ptr(self.member(NOTIFIED)) }
    }

    /// The address of `notifier`.
    #[inline]
    pub fn notifier(self) -> *mut EventNotifier {
        self.member(NOTIFIER)
    }

    /// The view of `lock`.
    #[inline]
    pub fn lock(self) -> LockRef<'a> {
        // SAFETY: a member of a live context is not NULL.
        let lock = unsafe { NonNull::new_unchecked(self.lock_place()) };
        // SAFETY: lives as long as the context, and is initialised by the type's contract.
        unsafe { LockRef::new(lock) }
    }

    /// The public words for [`crate::protocol`].
    #[inline]
    pub fn words(self) -> Words<'a> {
        Words { notify_me: self.notify_me(), notified: self.notified() }
    }
}

view! {
    /// A lock that lives for `'a` and is initialised.
    pub struct LockRef(RFifoLock) {
        place lock.lock as mutex: pthread_mutex_t;
        atomic head as head_word: AtomicU32;
        atomic tail as tail_word: AtomicU32;
        place cond.cond as cond: pthread_cond_t;
        place owner_thread.thread as owner_place: pthread_t;
        atomic nesting as nesting_word: AtomicU32;
        fixed cb as cb: IOHandler;
        fixed cb_opaque as cb_opaque: *mut core::ffi::c_void;
    }
}
