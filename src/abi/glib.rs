//! GLib's event source, by its public layout.

use core::ffi::{c_int, c_uint, c_void};

/// `GSource` as GLib's public headers lay it out; `AioContext` embeds one by value.
///
/// Only GLib touches the members. They stand here for the size and the alignment on every
/// platform, so that the library needs no GLib to be built.
#[repr(C)]
pub struct GSource {
    callback_data: *mut c_void,
    callback_funcs: *mut c_void,
    source_funcs: *const c_void,
    ref_count: c_uint,
    context: *mut c_void,
    priority: c_int,
    flags: c_uint,
    source_id: c_uint,
    poll_fds: *mut c_void,
    prev: *mut c_void,
    next: *mut c_void,
    name: *mut c_void,
    private: *mut c_void,
}

/// `GPollFD` as GLib's public headers lay it out: one descriptor to poll.
#[repr(C)]
pub struct GPollFD {
    /// The descriptor.
    pub fd: c_int,
    /// Events to wait for (`G_IO_IN` and so on).
    pub events: u16,
    /// Events that poll reported.
    pub revents: u16,
}
