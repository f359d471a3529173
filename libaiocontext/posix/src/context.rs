//! A context as this component sees it, with the [`Watch`] behind `aio_handlers`.

use core::ffi::{c_int, c_void};
use core::ops::Deref;
use core::ptr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use aio_notify::ffi::ContextRef;
use aiocontext_wake::OwnLoop;

use crate::components;
use crate::watch::Watch;

/// A context with the fd loop that polls it.
#[derive(Clone, Copy)]
pub(crate) struct FdLoop<'a>(pub(crate) ContextRef<'a>);

impl<'a> Deref for FdLoop<'a> {
    type Target = ContextRef<'a>;

    #[inline]
    fn deref(&self) -> &ContextRef<'a> {
        &self.0
    }
}

impl<'a> FdLoop<'a> {
    /// The async component's part, where that is the library's.
    #[inline]
    pub(crate) fn own(self) -> Option<&'a OwnLoop> {
        self.watch()?.own()
    }

    /// Whether a bottom half seems to be scheduled: a loop then need not announce that it may sleep,
    /// and at worst makes one turn too many.
    #[inline]
    pub(crate) fn has_urgent(self) -> bool {
        // Only a context of the library's own async component has them.
        self.own().is_some() && components::has_urgent(*self)
    }

    /// In a child process, before anything else: makes the context the child's.
    #[inline]
    pub(crate) fn enter(self) {
        if let Some(watch) = self.watch() {
            if !watch.is_of_this_process() {
                self.renew(watch);
            }
        }
    }

    #[cold]
    fn renew(self, watch: &Watch) {
        if watch.own().is_some() {
            components::renew(*self);
        }
        watch.renew_in_child();
    }

    /// What this component keeps for the context, if already allocated.
    #[inline]
    pub(crate) fn watch(self) -> Option<&'a Watch> {
        // Acquire: pairs with the exchange in `make_watch`.
        let watch = self.first_handler().load(Acquire).cast::<Watch>();
        // SAFETY: NULL or what `make_watch` put there, which lives until `free_watch`.
        unsafe { watch.as_ref() }
    }

    /// The same, made at the first call. `None` where the system has no descriptor left; `errno`
    /// says so.
    pub(crate) fn make_watch(self) -> Option<&'a Watch> {
        if let Some(watch) = self.watch() {
            return Some(watch);
        }
        let made = match Watch::new(*self, components::own_loop(*self)) {
            Ok(made) => made,
            Err(e) => {
                let code = e.raw_os_error().unwrap_or(libc::EIO);
                errno::set_errno(errno::Errno(code));
                return None;
            }
        };
        let made = Box::into_raw(Box::new(made));
        let place = self.first_handler();
        // Release: a thread that finds it finds it finished.
        match place.compare_exchange(ptr::null_mut(), made.cast(), AcqRel, Acquire) {
            Ok(_) => {
                let watch = self.watch()?;
                watch.source.attach();
                Some(watch)
            }
            Err(_) => {
                // Two threads at once.
                // SAFETY: made above, and nobody else knows it.
                drop(unsafe { Box::from_raw(made) });
                self.watch()
            }
        }
    }

    /// Frees what [`Self::make_watch`] made.
    ///
    /// # Safety
    ///
    /// Nobody polls the context or sets handlers, now or later, but to make it anew.
    pub(crate) unsafe fn free_watch(self) {
        let watch = self.first_handler().swap(ptr::null_mut(), AcqRel).cast::<Watch>();
        if watch.is_null() {
            return;
        }
        // SAFETY: made by `make_watch`, and nobody uses it any more.
        let watch = unsafe { Box::from_raw(watch) };
        watch.source.detach();
    }

    /// Whether `opaque` is the context's own notifier, whose handler does not count as progress.
    #[inline]
    pub(crate) fn is_notifier(self, opaque: *mut c_void) -> bool {
        ptr::eq(opaque, self.notifier().cast())
    }

    /// Notes the descriptor of the context's notifier.
    pub(crate) fn set_public(self, fd: c_int) {
        if let Some(watch) = self.watch() {
            watch.public.store(fd, Relaxed);
        }
    }
}
