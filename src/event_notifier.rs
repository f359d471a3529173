//! EventNotifier: the safe core of the `event_notifier_*` functions.
//!
//! C code owns the struct, may read it at any time and may share it between threads. So it is
//! only ever reached through [`NotifierRef`]: atomic fields, never a reference to the struct.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};

use crate::descriptor::{self, Ends, CLOSED};
use crate::Error;

/// The two descriptors of an EventNotifier, and the field `initialized` if the struct has it: while it
/// is false, the descriptors are ignored.
///
/// Relaxed throughout: descriptors are set up before the notifier is shared, and the code that shares
/// it orders that. The atomics only make an unexpected change by other code harmless.
#[derive(Clone, Copy)]
pub struct NotifierRef<'a> {
    rfd: &'a AtomicI32,
    wfd: &'a AtomicI32,
    initialized: Option<&'a AtomicBool>,
}

impl<'a> NotifierRef<'a> {
    /// The view of two words.
    pub(crate) fn of(rfd: &'a AtomicI32, wfd: &'a AtomicI32) -> Self {
        Self { rfd, wfd, initialized: None }
    }

    /// The same, in a struct with the field `initialized`.
    #[cfg_attr(not(feature = "capi"), allow(dead_code, reason = "only C structs have the field"))]
    pub(crate) fn guarded_by(self, initialized: &'a AtomicBool) -> Self {
        Self { initialized: Some(initialized), ..self }
    }

    fn is_initialized(self) -> bool {
        self.initialized.is_none_or(|initialized| initialized.load(Relaxed))
    }

    fn set_initialized(self, value: bool) {
        if let Some(initialized) = self.initialized {
            initialized.store(value, Relaxed);
        }
    }

    /// Opens the descriptors; `active` starts it set. On failure nothing is open.
    pub fn init(self, active: bool) -> Result<(), Error> {
        self.adopt(Ends { read: CLOSED, write: CLOSED });
        self.set_initialized(false);
        // Initialised from here on, also for the `set` below.
        self.adopt(descriptor::open()?);
        if active {
            if let Err(e) = self.set() {
                self.cleanup();
                return Err(e);
            }
        }
        Ok(())
    }

    /// Takes over open descriptors.
    pub fn adopt(self, ends: Ends) {
        self.rfd.store(ends.read, Relaxed);
        self.wfd.store(ends.write, Relaxed);
        self.set_initialized(true);
    }

    /// Closes each descriptor once. Forgets both first, because the kernel may give their numbers
    /// to another file as soon as they are closed.
    pub fn cleanup(self) {
        // One that was never initialised may have any numbers, of files that are not its own.
        if !self.is_initialized() {
            return;
        }
        self.set_initialized(false);
        let rfd = self.rfd.swap(CLOSED, Relaxed);
        let wfd = self.wfd.swap(CLOSED, Relaxed);
        descriptor::close(rfd);
        if wfd != rfd {
            descriptor::close(wfd);
        }
    }

    /// The descriptor to poll.
    pub fn read_end(self) -> c_int {
        self.rfd.load(Relaxed)
    }

    /// The descriptor to write to.
    #[cfg(any(test, aionotify_generation = "5.2"))]
    pub fn write_end(self) -> c_int {
        self.wfd.load(Relaxed)
    }

    /// Fills it; the read end becomes readable. Fails with `EPERM` where it is not initialised.
    /// Leaves `errno` alone.
    pub fn set(self) -> Result<(), Error> {
        if !self.is_initialized() {
            // For C that is -1, as the original has it.
            return Err(Error::from_raw_os_error(libc::EPERM));
        }
        descriptor::set(self.wfd.load(Relaxed))
    }

    /// Empties it. Returns whether it was set; one that was cleaned up or not initialised never is.
    /// Leaves `errno` alone.
    pub fn test_and_clear(self) -> Result<bool, Error> {
        if !self.is_initialized() {
            return Ok(false);
        }
        match self.read_end() {
            CLOSED => Ok(false),
            rfd => descriptor::test_and_clear(rfd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notifier_lives_from_init_to_cleanup() {
        let fds = [AtomicI32::new(7), AtomicI32::new(7)];
        let e = NotifierRef::of(&fds[0], &fds[1]);
        e.init(true).unwrap();
        assert_eq!(e.test_and_clear(), Ok(true));
        assert_eq!(e.test_and_clear(), Ok(false));
        e.cleanup();
        assert_eq!((fds[0].load(Relaxed), fds[1].load(Relaxed)), (CLOSED, CLOSED));
        assert_eq!(e.set().unwrap_err().raw_os_error(), libc::EBADF);
        assert_eq!(e.test_and_clear(), Ok(false));
        e.cleanup();
    }

    #[test]
    fn one_that_is_not_initialised_is_left_alone() {
        let fds = [AtomicI32::new(0), AtomicI32::new(0)];
        let initialized = AtomicBool::new(false);
        let e = NotifierRef::of(&fds[0], &fds[1]).guarded_by(&initialized);
        e.cleanup();
        // Standard input is still open, and still in there.
        assert_eq!(e.write_end(), 0);
        assert_eq!(e.set().unwrap_err().raw_os_error(), 1);
        assert_eq!(e.test_and_clear(), Ok(false));
        e.init(true).unwrap();
        assert!(initialized.load(Relaxed));
        assert_eq!(e.test_and_clear(), Ok(true));
        e.cleanup();
        assert!(!initialized.load(Relaxed));
        assert_eq!((e.read_end(), e.write_end()), (CLOSED, CLOSED));
        assert_eq!(e.set().unwrap_err().raw_os_error(), 1);
        e.cleanup();
    }
}
