//! The context as a GSource, and the descriptor that GLib polls for it.

use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use aio_notify::abi::glib::GPollFD;
use aio_notify::ffi::{ContextRef, View};
use aio_notify::view;
use glib_sys::GSource;

view! {
    /// What GLib polls. It reads `fd` at the start of each poll.
    struct PollFdRef(GPollFD) {
        atomic fd as fd: AtomicI32;
    }
}

/// A context as a GSource, which outlives this.
pub(crate) struct PolledSource {
    source: *mut GSource,
    poll_fd: PollFdRef<'static>,
}

impl PolledSource {
    /// GLib polls `fd`, once it is attached.
    pub(crate) fn new(ctx: ContextRef<'_>, fd: c_int) -> Self {
        let poll_fd = GPollFD { fd, events: libc::POLLIN as u16, revents: 0 };
        let poll_fd = NonNull::from(Box::leak(Box::new(poll_fd)));
        // SAFETY: lives until this is dropped.
        let poll_fd = unsafe { PollFdRef::new(poll_fd) };
        Self { source: ctx.as_ptr().cast(), poll_fd }
    }

    /// Makes GLib poll the descriptor.
    pub(crate) fn attach(&self) {
        // SAFETY: a live GSource; the GPollFD lives until `detach` or until the source has gone.
        unsafe { glib_sys::g_source_add_poll(self.source, self.poll_fd.as_ptr().cast()) };
    }

    /// Undoes [`Self::attach`].
    pub(crate) fn detach(&self) {
        if !self.is_destroyed() {
            // SAFETY: a live GSource, to which the GPollFD has been added.
            unsafe { glib_sys::g_source_remove_poll(self.source, self.poll_fd.as_ptr().cast()) };
        }
    }

    fn is_destroyed(&self) -> bool {
        // SAFETY: a live GSource.
        unsafe { glib_sys::g_source_is_destroyed(self.source) != 0 }
    }

    /// Makes GLib poll another descriptor, or with -1 none.
    pub(crate) fn set_fd(&self, fd: c_int) {
        self.poll_fd.fd().store(fd, Relaxed);
    }

    /// Wakes GLib's loop, if it sleeps.
    pub(crate) fn wake(&self) {
        if self.is_destroyed() {
            return;
        }
        // SAFETY: a live GSource.
        let glib_context = unsafe { glib_sys::g_source_get_context(self.source) };
        if !glib_context.is_null() {
            // SAFETY: lives as long as the source is attached to it.
            unsafe { glib_sys::g_main_context_wakeup(glib_context) };
        }
    }
}

impl Drop for PolledSource {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and detached, or never attached, or the GSource has gone.
        drop(unsafe { Box::from_raw(self.poll_fd.as_ptr()) });
    }
}
