//! Those who want to know that a clock has gone backwards.

use core::ffi::c_void;
use core::ptr::{null_mut, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

use aio_notify::abi::opaque;

use crate::{lock, misuse};

/// QEMU's `Notifier`: what `notify` is called with is the notifier itself and, as its data, a
/// pointer to the new time, an `int64_t` in ns.
///
/// The links are those of a `QLIST` of `qemu/queue.h`, for programs that remove a notifier from
/// whatever list it is on.
#[repr(C)]
#[derive(Debug)]
pub struct Notifier {
    notify: Option<unsafe extern "C" fn(notifier: *mut Notifier, data: *mut c_void)>,
    /// `le_next`.
    next: *mut Notifier,
    /// `le_prev`: what points to this one, the `next` before it or the head of the list.
    link: *mut *mut Notifier,
}

/// A list of notifiers, which stays where it is.
pub(crate) struct ResetNotifiers {
    lock: Mutex<()>,
    /// Accessed within the lock; atomic only because the first notifier has a pointer to it.
    head: AtomicPtr<Notifier>,
}

impl ResetNotifiers {
    pub(crate) const fn new() -> Self {
        Self { lock: Mutex::new(()), head: AtomicPtr::new(null_mut()) }
    }

    /// The notifiers, first to last. Within the lock.
    fn all(&self, _guard: &MutexGuard<'_, ()>) -> Vec<*mut Notifier> {
        let mut all = Vec::new();
        // Relaxed, here and below: the lock orders all accesses.
        let mut notifier = self.head.load(Relaxed);
        while !notifier.is_null() {
            all.push(notifier);
            // SAFETY: on the list, so it lives.
            notifier = unsafe { (*notifier).next };
        }
        all
    }

    /// Puts a notifier on the list.
    ///
    /// # Safety
    ///
    /// `notifier` points to a [`Notifier`] that lives until it is removed.
    pub(crate) unsafe fn add(&self, notifier: NonNull<opaque::Notifier>, function: &str) {
        let notifier = notifier.cast::<Notifier>().as_ptr();
        let guard = lock(&self.lock);
        let all = self.all(&guard);
        if all.contains(&notifier) {
            misuse(format_args!("{function}: the notifier is registered already"));
        }
        let first = self.head.load(Relaxed);
        // SAFETY: live by this function's contract, and nobody else's.
        unsafe { (*notifier).next = first };
        // SAFETY: live by this function's contract, and nobody else's.
        unsafe { (*notifier).link = self.head.as_ptr() };
        if !first.is_null() {
            // SAFETY: within the live notifier.
            let link = unsafe { &raw mut (*notifier).next };
            // SAFETY: on the list, so it lives.
            unsafe { (*first).link = link };
        }
        self.head.store(notifier, Relaxed);
    }

    /// Takes a notifier from the list, on which it must be.
    pub(crate) fn remove(&self, notifier: NonNull<opaque::Notifier>, function: &str) {
        let notifier = notifier.cast::<Notifier>().as_ptr();
        let guard = lock(&self.lock);
        if !self.all(&guard).contains(&notifier) {
            misuse(format_args!("{function}: the notifier is not registered"));
        }
        // SAFETY: on the list, so it lives.
        let next = unsafe { (*notifier).next };
        // SAFETY: on the list, so it lives.
        let link = unsafe { (*notifier).link };
        if !next.is_null() {
            // SAFETY: on the list, so it lives.
            unsafe { (*next).link = link };
        }
        // SAFETY: the head, or the `next` of one on the list; the lock is held.
        unsafe { *link = next };
    }

    /// Calls all notifiers, which may remove themselves and each other.
    pub(crate) fn call(&self, now: i64) {
        let all = self.all(&lock(&self.lock));
        for notifier in all {
            let notify = {
                let guard = lock(&self.lock);
                if !self.all(&guard).contains(&notifier) {
                    continue;
                }
                // SAFETY: on the list, so it lives.
                unsafe { (*notifier).notify }
            };
            if let Some(notify) = notify {
                let mut now = now;
                // SAFETY: the notifier's own function; nothing is held.
                unsafe { notify(notifier, (&raw mut now).cast()) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A notifier that counts its calls, and removes another when it is called.
    #[repr(C)]
    struct Listener {
        notifier: Notifier,
        list: *const ResetNotifiers,
        removes: *mut Listener,
        calls: Vec<i64>,
    }

    unsafe extern "C" fn called(notifier: *mut Notifier, data: *mut c_void) {
        let this = notifier.cast::<Listener>();
        // SAFETY: the time, as the contract says.
        let now = unsafe { data.cast::<i64>().read() };
        // SAFETY: the listener that the notifier is the first member of.
        unsafe { (*this).calls.push(now) };
        // SAFETY: see above.
        let removes = unsafe { (*this).removes };
        if let Some(removes) = NonNull::new(removes) {
            // SAFETY: see above.
            let list = unsafe { (*this).list };
            // SAFETY: the list outlives its listeners.
            let list = unsafe { &*list };
            list.remove(removes.cast(), "test");
        }
    }

    fn listener(list: &ResetNotifiers) -> *mut Listener {
        let notifier = Notifier { notify: Some(called), next: null_mut(), link: null_mut() };
        let listener = Listener { notifier, list, removes: null_mut(), calls: Vec::new() };
        Box::into_raw(Box::new(listener))
    }

    fn add(list: &ResetNotifiers, listener: *mut Listener) {
        // SAFETY: it lives until the test ends.
        unsafe { list.add(NonNull::new(listener).unwrap().cast(), "test") };
    }

    fn calls(listener: *mut Listener) -> Vec<i64> {
        // SAFETY: it lives until the test ends.
        unsafe { std::mem::take(&mut (*listener).calls) }
    }

    #[test]
    fn listeners_remove_themselves_and_each_other() {
        let list = ResetNotifiers::new();
        let [a, b, c] = [listener(&list), listener(&list), listener(&list)];
        for listener in [a, b, c] {
            add(&list, listener);
        }
        list.call(5);
        assert_eq!([calls(a), calls(b), calls(c)], [[5], [5], [5]]);
        // The last that was added is called first: it removes the next.
        // SAFETY: they live until the test ends.
        unsafe { (*c).removes = b };
        list.call(6);
        assert_eq!([calls(a), calls(b), calls(c)], [vec![6], vec![], vec![6]]);
        // SAFETY: they live until the test ends.
        unsafe { (*c).removes = c };
        list.call(7);
        list.call(8);
        assert_eq!([calls(a), calls(b), calls(c)], [vec![7, 8], vec![], vec![7]]);
        list.remove(NonNull::new(a).unwrap().cast(), "test");
        list.call(9);
        assert_eq!(calls(a), []);
        add(&list, b);
        list.call(10);
        assert_eq!([calls(a), calls(b)], [vec![], vec![10]]);
        for listener in [a, b, c] {
            // SAFETY: from `Box::into_raw`; the list is not used any more.
            drop(unsafe { Box::from_raw(listener) });
        }
    }

    /// What a program's `QLIST_REMOVE` does.
    #[test]
    fn the_links_are_those_of_a_qlist() {
        let list = ResetNotifiers::new();
        let [a, b] = [listener(&list), listener(&list)];
        add(&list, a);
        add(&list, b);
        // SAFETY: a live listener.
        let first = unsafe { &raw mut (*b).notifier };
        // SAFETY: a live notifier.
        let link = unsafe { (*first).link };
        // SAFETY: points to the head.
        assert_eq!(unsafe { *link }, first);
        // SAFETY: a live notifier.
        let next = unsafe { (*first).next };
        assert_eq!(next, a.cast());
        // SAFETY: a live notifier.
        assert_eq!(unsafe { (*next).link }, unsafe { &raw mut (*first).next });
        // SAFETY: a live notifier.
        unsafe { (*next).link = link };
        // SAFETY: points to the head.
        unsafe { *link = next };
        list.call(1);
        assert_eq!([calls(a), calls(b)], [vec![1], vec![]]);
        for listener in [a, b] {
            // SAFETY: from `Box::into_raw`; the list is not used any more.
            drop(unsafe { Box::from_raw(listener) });
        }
    }
}
