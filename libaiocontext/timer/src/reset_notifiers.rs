//! Notifiers that are called when a clock has gone backwards.

use core::ffi::c_void;
use core::ptr::{null_mut, NonNull};
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{Relaxed, Release},
};

use aio_notify::abi::opaque;
use aio_notify::ffi::View;
use aio_notify::view;
use aiocontext_fork::{ForkMutex, ForkMutexGuard};

use crate::LIBRARY;

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

view! {
    /// A notifier that is on a list, or about to be. Accessed within the list's lock; atomic only
    /// because a program may remove it from whatever list it is on.
    struct OnList(Notifier) {
        fixed notify as notify: Option<unsafe extern "C" fn(*mut Notifier, *mut c_void)>;
        atomic next as next: AtomicPtr<Notifier>;
        atomic link as link: AtomicPtr<*mut Notifier>;
    }
}

/// A list of notifiers, which stays where it is.
///
/// `head` and each `next` are the list, and one store adds or removes a notifier. `link` follows
/// from them; a child of a process that was changing the list writes it anew.
pub(crate) struct ResetNotifiers {
    lock: ForkMutex<()>,
    /// Accessed within the lock; atomic only because the first notifier has a pointer to it.
    head: AtomicPtr<Notifier>,
}

impl ResetNotifiers {
    pub(crate) const fn new() -> Self {
        Self { lock: ForkMutex::new(()), head: AtomicPtr::new(null_mut()) }
    }

    fn lock(&self) -> ForkMutexGuard<'_, ()> {
        let guard = self.lock.lock();
        if guard.was_broken() {
            let mut link = &self.head;
            for notifier in self.all(&guard) {
                notifier.link().store(link.as_ptr(), Relaxed);
                link = notifier.next();
            }
        }
        guard
    }

    /// The notifiers, first to last. Within the lock.
    fn all(&self, _guard: &ForkMutexGuard<'_, ()>) -> Vec<OnList<'_>> {
        let mut all = Vec::new();
        // Relaxed, here and below: the lock orders all accesses.
        let mut next = NonNull::new(self.head.load(Relaxed));
        while let Some(notifier) = next {
            // SAFETY: on the list, so it lives.
            let notifier = unsafe { OnList::new(notifier) };
            all.push(notifier);
            next = NonNull::new(notifier.next().load(Relaxed));
        }
        all
    }

    /// Puts a notifier on the list.
    ///
    /// # Safety
    ///
    /// `notifier` points to a [`Notifier`] that lives until it is removed.
    pub(crate) unsafe fn add(&self, notifier: NonNull<opaque::Notifier>, function: &str) {
        // SAFETY: live by this function's contract.
        let notifier = unsafe { OnList::new(notifier.cast()) };
        let guard = self.lock();
        let all = self.all(&guard);
        if all.contains(&notifier) {
            LIBRARY.misuse(format_args!("{function}: the notifier is registered already"));
        }
        notifier.next().store(self.head.load(Relaxed), Relaxed);
        notifier.link().store(self.head.as_ptr(), Relaxed);
        if let Some(first) = all.first() {
            first.link().store(notifier.next().as_ptr(), Relaxed);
        }
        // Release: pairs with a fork, by which a child sees the stores of this thread up to some
        // one. Without it a child might find the notifier and not its `next`.
        self.head.store(notifier.as_ptr(), Release);
    }

    /// Takes a notifier from the list, on which it must be.
    pub(crate) fn remove(&self, notifier: NonNull<opaque::Notifier>, function: &str) {
        let guard = self.lock();
        let all = self.all(&guard);
        let Some(place) = all.iter().position(|on| on.as_ptr() == notifier.cast().as_ptr()) else {
            LIBRARY.misuse(format_args!("{function}: the notifier is not registered"))
        };
        let link = all[place].link().load(Relaxed);
        if let Some(next) = all.get(place + 1) {
            next.link().store(link, Relaxed);
        }
        // SAFETY: the head, or the `next` of one on the list; the lock is held.
        unsafe { *link = all[place].next().load(Relaxed) };
    }

    /// Calls all notifiers, which may remove themselves and each other.
    pub(crate) fn call(&self, now: i64) {
        let all: Vec<_> = self.all(&self.lock()).into_iter().map(OnList::as_ptr).collect();
        for notifier in all {
            let notify = {
                let guard = self.lock();
                let on_list = self.all(&guard).into_iter().find(|on| on.as_ptr() == notifier);
                on_list.and_then(OnList::notify)
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
