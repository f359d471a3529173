//! The async component of libaiocontext: contexts, bottom halves, the GSource.

mod bottom_half;
mod context;
mod import;
mod notify;
mod ours;
mod queue;
mod renew;
mod source;
mod state;
mod sync;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

pub use bottom_half::{
    aio_bh_new, aio_bh_poll, qemu_bh_cancel, qemu_bh_delete, qemu_bh_schedule,
    qemu_bh_schedule_idle,
};
pub use context::{
    aio_compute_timeout, aio_context_acquire, aio_context_new, aio_context_ref,
    aio_context_release, aio_context_unref, aio_get_g_source, aio_get_thread_pool,
};
pub use notify::{aio_notify, aio_notify_accept};
