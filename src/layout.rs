//! Where the library finds what it touches of the program's structs: by default the reference's
//! layout, else that of the program's own headers, as the build script has read them.

#[cfg(not(aionotify_host))]
#[cfg_attr(not(feature = "capi"), allow(dead_code, reason = "some are only C's"))]
mod figures {
    use core::mem::{offset_of, size_of};

    use crate::abi::{AioContext, EventNotifier};

    /// The loop's generation.
    pub(crate) const GENERATION: &str = "2.4";
    /// Offset of `AioContext.notify_me` in bytes; likewise the others.
    pub(crate) const NOTIFY_ME: usize = offset_of!(AioContext, notify_me);
    pub(crate) const NOTIFIED: usize = offset_of!(AioContext, notified);
    pub(crate) const NOTIFIER: usize = offset_of!(AioContext, notifier);
    /// Size of EventNotifier in bytes.
    pub(crate) const NOTIFIER_SIZE: usize = size_of::<EventNotifier>();
    pub(crate) const RFD: usize = offset_of!(EventNotifier, rfd);
    pub(crate) const WFD: usize = offset_of!(EventNotifier, wfd);
    /// Offset of `EventNotifier.initialized`, where there is such a field.
    pub(crate) const INITIALIZED: Option<usize> = None;
}

#[cfg(aionotify_host)]
mod figures {
    include!(concat!(env!("OUT_DIR"), "/host_layout.rs"));
}

#[cfg_attr(not(feature = "capi"), allow(unused_imports, reason = "some are only C's"))]
pub(crate) use figures::*;
