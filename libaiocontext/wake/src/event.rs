//! A private event of the library's: its descriptors, and how it is filled and drained.

use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use aio_notify::ffi::descriptor::{self, Ends, CLOSED};
use aio_notify::Error;

use crate::new_file;

/// An eventfd, a pipe where the kernel has no eventfd, or closed.
///
/// Relaxed throughout: it is opened before it is shared, or by the one thread that renews it. The
/// atomics only make sharing it sound.
pub struct Event {
    read: AtomicI32,
    write: AtomicI32,
}

impl Default for Event {
    fn default() -> Self {
        Self::closed()
    }
}

impl Event {
    /// A closed event.
    #[must_use]
    pub const fn closed() -> Self {
        Self { read: AtomicI32::new(CLOSED), write: AtomicI32::new(CLOSED) }
    }

    /// Opens it, empty.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or memory left. The event stays closed.
    pub fn open(&self) -> Result<(), Error> {
        self.adopt(descriptor::open()?);
        Ok(())
    }

    fn adopt(&self, ends: Ends) {
        self.write.store(ends.write, Relaxed);
        self.read.store(ends.read, Relaxed);
    }

    /// Its descriptors.
    pub fn ends(&self) -> Ends {
        Ends { read: self.read.load(Relaxed), write: self.write.load(Relaxed) }
    }

    /// The descriptor to poll, negative if closed.
    pub fn read_end(&self) -> c_int {
        self.read.load(Relaxed)
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.read_end() >= 0
    }

    /// Fills it. Any thread and signal handlers may call this; `errno` is unchanged.
    ///
    /// # Errors
    ///
    /// The event is closed: a write to an open one does not fail.
    pub fn fill(&self) -> Result<(), Error> {
        descriptor::set(self.write.load(Relaxed))
    }

    /// Drains it. `errno` is unchanged.
    pub fn drain(&self) {
        // Fails only if it is closed, and then there is nothing to drain.
        let _ = descriptor::test_and_clear(self.read_end());
    }

    /// Closes it.
    pub fn close(&self) {
        let ends = self.ends();
        self.adopt(Ends { read: CLOSED, write: CLOSED });
        descriptor::close(ends.read);
        if ends.write != ends.read {
            descriptor::close(ends.write);
        }
    }

    /// In a child process: replaces the event by a new, empty one with the same number to read. On
    /// failure it is closed.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    pub fn renew(&self) -> Result<(), Error> {
        let ends = self.ends();
        if ends.read < 0 {
            return self.open();
        }
        let renewed = new_file::ends(ends);
        self.adopt(*renewed.as_ref().unwrap_or(&Ends { read: CLOSED, write: CLOSED }));
        renewed.map(drop)
    }
}
