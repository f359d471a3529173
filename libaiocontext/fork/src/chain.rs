//! A list through its elements that is whole after every store.
//!
//! A process may be forked while another of its threads changes a list, and the child must find it
//! whole. So `first` and each `next` are the list, and one store adds or removes an element.
//! `last` and `previous`, which make both cheap, are hints that a child may have to write anew.

use core::fmt;
use core::iter;
use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{Relaxed, Release},
};

use crate::{ForkMutex, ForkMutexGuard};

/// An element's place in its list.
pub struct Links<T> {
    next: Word<T>,
    /// NULL in the first. A hint.
    previous: Word<T>,
}

impl<T> Links<T> {
    /// Links of an element that is in no list.
    pub const fn new() -> Self {
        Self { next: Word::null(), previous: Word::null() }
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Links<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").finish_non_exhaustive()
    }
}

/// What can be in a [`Chain`].
pub trait Linked: Sized {
    /// The links; the same ones in each call.
    fn links(&self) -> &Links<Self>;
}

/// The list. Its elements stay where they are, and are its user's.
pub struct Chain<T> {
    first: Word<T>,
    /// NULL in an empty list. A hint.
    last: Word<T>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

impl<T> Chain<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { first: Word::null(), last: Word::null() }
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.first.load().is_null()
    }
}

/// A word of a list: NULL, or an element that is in the list and so lives, by the contract of
/// [`Chain::append`].
struct Word<T>(AtomicPtr<T>);

impl<T> Word<T> {
    const fn null() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    fn load(&self) -> *mut T {
        // Relaxed, here and in `store`: a list has one user at a time.
        self.0.load(Relaxed)
    }

    fn store(&self, element: *mut T) {
        self.0.store(element, Relaxed);
    }

    /// Stores a word that is the list.
    fn publish(&self, element: *mut T) {
        // Release: pairs with a fork, by which a child sees the stores of this thread up to some
        // one. Without it a child might find an element and not what was written to it.
        self.0.store(element, Release);
    }
}

impl<T: Linked> Word<T> {
    /// The links of the element, if there is one.
    fn links(&self) -> Option<&Links<T>> {
        // SAFETY: NULL or live, by the type's contract.
        unsafe { self.load().as_ref() }.map(T::links)
    }
}

impl<T: Linked> Chain<T> {
    /// Makes the hints agree with the list. In a child, before anything else if the list may have
    /// been found half changed.
    pub fn write_hints(&mut self) {
        let mut previous = ptr::null_mut();
        let mut word = &self.first;
        while let Some(links) = word.links() {
            links.previous.store(previous);
            previous = word.load();
            word = &links.next;
        }
        self.last.store(previous);
    }

    /// Adds an element at the end.
    ///
    /// # Safety
    ///
    /// `element` is in no list, and lives until it is removed.
    pub unsafe fn append(&mut self, element: NonNull<T>) {
        let last = self.last.load();
        // SAFETY: lives by this function's contract.
        let own = unsafe { element.as_ref() }.links();
        own.next.store(ptr::null_mut());
        own.previous.store(last);
        let word = self.last.links().map_or(&self.first, |last| &last.next);
        word.publish(element.as_ptr());
        self.last.store(element.as_ptr());
    }

    /// Removes an element.
    ///
    /// # Safety
    ///
    /// `element` is in this list.
    pub unsafe fn remove(&mut self, element: NonNull<T>) {
        // SAFETY: in the list, by this function's contract.
        let own = unsafe { element.as_ref() }.links();
        let word = own.previous.links().map_or(&self.first, |previous| &previous.next);
        word.publish(own.next.load());
        let hint = own.next.links().map_or(&self.last, |next| &next.previous);
        hint.store(own.previous.load());
    }

    /// The elements, first to last. The one that was returned last must not be removed before the next.
    pub fn iter(&self) -> impl Iterator<Item = NonNull<T>> + '_ {
        let first = NonNull::new(self.first.load());
        iter::successors(first, |element| {
            // SAFETY: in the list, so it lives.
            NonNull::new(unsafe { element.as_ref() }.links().next.load())
        })
    }
}

impl<T: Linked> ForkMutex<Chain<T>> {
    /// Locks a list that is whole, in a child as well.
    pub fn lock_chain(&self) -> ForkMutexGuard<'_, Chain<T>> {
        let mut chain = self.lock();
        if chain.was_broken() {
            chain.write_hints();
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    use std::sync::mpsc;
    use std::thread;
    use std::vec::Vec;

    #[derive(Default)]
    struct Element {
        links: Links<Element>,
    }

    impl Linked for Element {
        fn links(&self) -> &Links<Self> {
            &self.links
        }
    }

    fn append(chain: &mut Chain<Element>, element: &Element) {
        // SAFETY: in no list, and it lives until its test ends.
        unsafe { chain.append(NonNull::from(element)) };
    }

    fn remove(chain: &mut Chain<Element>, element: &Element) {
        // SAFETY: in the list.
        unsafe { chain.remove(NonNull::from(element)) };
    }

    /// The elements' numbers in `of`, in the list's order.
    fn numbers(chain: &Chain<Element>, of: &[Element]) -> Vec<usize> {
        let number = |element| of.iter().position(|e| NonNull::from(e) == element).unwrap();
        chain.iter().map(number).collect()
    }

    #[test]
    fn elements_are_appended_and_removed() {
        let mut chain = Chain::new();
        let elements: [Element; 4] = Default::default();
        for element in &elements {
            append(&mut chain, element);
        }
        assert_eq!(numbers(&chain, &elements), [0, 1, 2, 3]);
        for (removed, left) in [(1, &[0, 2, 3][..]), (3, &[0, 2]), (0, &[2]), (2, &[])] {
            remove(&mut chain, &elements[removed]);
            assert_eq!(numbers(&chain, &elements), left);
            assert_eq!(chain.is_empty(), left.is_empty());
        }
        append(&mut chain, &elements[1]);
        append(&mut chain, &elements[0]);
        assert_eq!(numbers(&chain, &elements), [1, 0]);
    }

    /// Forks while another thread holds the lock and all hints are wrong; true if `f` is, in the
    /// child.
    fn child_of_a_broken_chain(
        chain: &ForkMutex<Chain<Element>>,
        f: impl FnOnce(&mut Chain<Element>) -> bool,
    ) -> bool {
        let mut status = -1;
        thread::scope(|scope| {
            let (held, is_held) = mpsc::channel();
            let (leave, may_leave) = mpsc::channel::<()>();
            scope.spawn(move || {
                let mut chain = chain.lock_chain();
                let wrong = chain.first.load();
                for element in chain.iter() {
                    // SAFETY: in the list.
                    unsafe { element.as_ref() }.links.previous.store(wrong);
                }
                chain.last.store(wrong);
                held.send(()).unwrap();
                may_leave.recv().unwrap();
                chain.write_hints();
            });
            is_held.recv().unwrap();
            // SAFETY: the child uses the list and ends.
            let child = unsafe { libc::fork() };
            assert!(child >= 0);
            if child == 0 {
                // SAFETY: ends a child that hangs.
                unsafe { libc::alarm(60) };
                let status = i32::from(!f(&mut chain.lock_chain()));
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(status) };
            }
            // SAFETY: a child of this process.
            unsafe { libc::waitpid(child, &mut status, 0) };
            leave.send(()).unwrap();
        });
        status == 0
    }

    #[test]
    fn a_child_of_a_process_that_changed_the_list_finds_it_whole() {
        let chain = ForkMutex::new(Chain::new());
        let elements: [Element; 5] = Default::default();
        for element in &elements[..4] {
            append(&mut chain.lock_chain(), element);
        }
        assert!(child_of_a_broken_chain(&chain, |chain| {
            remove(chain, &elements[2]);
            let left = numbers(chain, &elements) == [0, 1, 3];
            remove(chain, &elements[3]);
            left && numbers(chain, &elements) == [0, 1]
        }));
        assert!(child_of_a_broken_chain(&chain, |chain| {
            append(chain, &elements[4]);
            remove(chain, &elements[3]);
            numbers(chain, &elements) == [0, 1, 2, 4]
        }));
        let mut chain = chain.lock_chain();
        assert!(!chain.was_broken());
        remove(&mut chain, &elements[2]);
        assert_eq!(numbers(&chain, &elements), [0, 1, 3]);
    }
}
