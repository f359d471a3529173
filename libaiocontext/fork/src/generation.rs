//! The number of the process, in a word that reads 0 in a child.
//!
//! The word is in a page of its own, which the kernel hands to a child as zeros
//! (`MADV_WIPEONFORK`). That covers `fork()`, `_Fork()` and raw `clone` alike, and leaves a child
//! alone that shares its parent's memory. A handler of `pthread_atfork` clears the word where it
//! still has the parent's number, which covers `fork()` only: where there is no such page, and under
//! emulators that accept the advice and do not follow it (qemu-user 7.2).

use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use aio_notify::ffi::{preserving_errno, LIBAIOCONTEXT};

/// The word that holds the number, once there is one.
static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// The word of a process that has no page for it.
static WITHOUT_PAGE: AtomicU32 = AtomicU32::new(0);

/// The number of the process that forks, or has forked this one.
static FORKING: AtomicU32 = AtomicU32::new(0);

/// No process before this one has had a higher number. A child inherits it.
static HIGHEST: AtomicU32 = AtomicU32::new(0);

/// Returns the number of the process: never 0, constant while the process lives, and another one in
/// each child.
///
/// Lock-free. The first call in a process and its ancestors maps a page; all later ones, also the
/// first in a child, may be made in a signal handler. `errno` is unchanged.
#[inline]
pub fn generation() -> u32 {
    if let Some(word) = word() {
        // Relaxed, here and below: the number alone matters, no other memory is read by it.
        let number = word.load(Relaxed);
        if number != 0 {
            return number;
        }
    }
    number_process()
}

/// The word, if there is one.
#[inline]
fn word() -> Option<&'static AtomicU32> {
    // Acquire: pairs with the release in `make_word`. Without it a load of the word might come before
    // the page is mapped.
    let word = WORD.load(Acquire);
    // SAFETY: NULL, or a word that is never unmapped.
    unsafe { word.as_ref() }
}

/// Gives the process its number.
#[cold]
#[inline(never)]
fn number_process() -> u32 {
    let word = word().unwrap_or_else(make_word);
    loop {
        // Raised before the number is in use: a child that is forked between the two steps must not
        // take its parent's number.
        let number = HIGHEST.fetch_add(1, Relaxed).wrapping_add(1);
        if number == 0 {
            continue;
        }
        // Threads of a child may come here together: one number wins.
        return match word.compare_exchange(0, number, Relaxed, Relaxed) {
            Ok(_) => number,
            Err(winner) => winner,
        };
    }
}

/// Makes the word. No `Once`: a child could find it in progress and wait.
fn make_word() -> &'static AtomicU32 {
    preserving_errno(|| {
        let page = map_page();
        let made = page.unwrap_or(NonNull::from(&WITHOUT_PAGE));
        // Twice by racing threads: the word is cleared once.
        watch_forks(page.is_none());
        // Release: pairs with the acquire in `word`. Relaxed where it fails: another thread's word is
        // loaded below.
        let result = WORD.compare_exchange(ptr::null_mut(), made.as_ptr(), Release, Relaxed);
        if let (Err(_), Some(page)) = (result, page) {
            unmap_page(page);
        }
        // Not NULL any more.
        word().unwrap_or(&WITHOUT_PAGE)
    })
}

fn page_size() -> usize {
    // SAFETY: takes a number and cannot fail for this one.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// A page of zeros that is zeros again in a child.
fn map_page() -> Option<NonNull<AtomicU32>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, wherever the kernel finds room.
    let page = unsafe { libc::mmap(ptr::null_mut(), page_size(), protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    let page = NonNull::new(page)?;
    // SAFETY: the page mapped above.
    let advised = unsafe { libc::madvise(page.as_ptr(), page_size(), libc::MADV_WIPEONFORK) };
    if advised != 0 {
        unmap_page(page.cast());
        return None;
    }
    Some(page.cast())
}

fn unmap_page(page: NonNull<AtomicU32>) {
    // SAFETY: from `map_page`, and nobody else knows it.
    unsafe { libc::munmap(page.as_ptr().cast(), page_size()) };
}

extern "C" fn before_fork() {
    FORKING.store(generation(), Relaxed);
}

extern "C" fn in_child() {
    if let Some(word) = word() {
        // Not where the page has been wiped, and another handler has the process numbered already.
        let _ = word.compare_exchange(FORKING.load(Relaxed), 0, Relaxed, Relaxed);
    }
}

/// Has the word cleared in children of `fork()`.
fn watch_forks(is_needed: bool) {
    // SAFETY: the handlers load and store two words.
    let error = unsafe { libc::pthread_atfork(Some(before_fork), None, Some(in_child)) };
    if error != 0 && is_needed {
        LIBAIOCONTEXT.log(format_args!(
            "no memory to detect forks: contexts must not be used in a child process"
        ));
    }
}
