//! A way to wake a loop, behind one table of C functions.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// `struct peer` of `c/peer.h`.
#[repr(C)]
pub struct Functions {
    pub(crate) create: unsafe extern "C" fn() -> *mut c_void,
    pub(crate) destroy: unsafe extern "C" fn(*mut c_void),
    pub(crate) notify: unsafe extern "C" fn(*mut c_void),
    pub(crate) consume: unsafe extern "C" fn(*mut c_void),
    pub(crate) sleep: unsafe extern "C" fn(*mut c_void, *const AtomicU64, u64),
    pub(crate) notify_times: unsafe extern "C" fn(*mut c_void, u64),
    pub(crate) consume_times: unsafe extern "C" fn(*mut c_void, u64),
    pub(crate) set_asleep: Option<unsafe extern "C" fn(*mut c_void, i32)>,
}

/// A column of the table.
#[derive(Clone, Copy)]
pub struct Peer {
    /// Its heading.
    pub name: &'static str,
    /// Its functions.
    pub(crate) functions: &'static Functions,
    /// Part of the name of the file that its code is in; empty for system calls and the program's
    /// own code.
    pub library: &'static str,
    /// Its notify does less unless a thread is in the loop, which only rows with threads have.
    pub wants_thread: bool,
}

impl Peer {
    /// A new loop.
    ///
    /// # Panics
    ///
    /// If the library cannot make one.
    pub fn create(self) -> Loop {
        // SAFETY: may be called at any time.
        let pointer = unsafe { (self.functions.create)() };
        Loop {
            functions: self.functions,
            pointer: NonNull::new(pointer).expect("a loop can be made"),
        }
    }

    /// Whether its notify looks whether somebody sleeps.
    pub fn knows_sleepers(self) -> bool {
        self.functions.set_asleep.is_some()
    }
}

/// A loop of one of the libraries.
pub struct Loop {
    functions: &'static Functions,
    pointer: NonNull<c_void>,
}

// SAFETY: `notify` may be called from any thread, and the other functions from one thread at a
// time, which is what the measurements do.
unsafe impl Send for Loop {}
// SAFETY: as above.
unsafe impl Sync for Loop {}

impl Loop {
    /// Wakes it.
    #[inline]
    pub fn notify(&self) {
        // SAFETY: a live loop.
        unsafe { (self.functions.notify)(self.pointer.as_ptr()) }
    }

    /// Takes what has been notified, without sleeping.
    #[inline]
    pub fn consume(&self) {
        // SAFETY: a live loop, by its thread.
        unsafe { (self.functions.consume)(self.pointer.as_ptr()) }
    }

    /// Wakes it so many times.
    pub fn notify_times(&self, times: u64) {
        // SAFETY: a live loop.
        unsafe { (self.functions.notify_times)(self.pointer.as_ptr(), times) }
    }

    /// Takes what has been notified so many times.
    pub fn consume_times(&self, times: u64) {
        // SAFETY: a live loop, by its thread.
        unsafe { (self.functions.consume_times)(self.pointer.as_ptr(), times) }
    }

    /// Sleeps until notified, unless `sent` is no more `seen`; may return early.
    #[inline]
    pub fn sleep(&self, sent: &AtomicU64, seen: u64) {
        // SAFETY: a live loop, by its thread.
        unsafe { (self.functions.sleep)(self.pointer.as_ptr(), sent, seen) }
    }

    /// Makes `notify` find somebody asleep, or nobody.
    pub fn set_asleep(&self, asleep: bool) {
        if let Some(set) = self.functions.set_asleep {
            // SAFETY: a live loop.
            unsafe { set(self.pointer.as_ptr(), i32::from(asleep)) }
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // SAFETY: the loop, for the last time.
        unsafe { (self.functions.destroy)(self.pointer.as_ptr()) }
    }
}
