//! The C types of the AioContext interface, one module for each header.
//!
//! The headers under `include/` are generated from these files, and from the functions where they are
//! implemented. Layouts equal those of QEMU at
//! commit 05e514b1d4 (July 2015), so that one `AioContext` can be shared with code that was
//! compiled against that tree; `layout/` has the figures that a C compiler printed for the reference,
//! a table an architecture, which are proved at compile time. Nothing in here has behaviour.

pub mod aio;
pub mod event_notifier;
pub mod glib;
pub mod opaque;
pub mod rfifolock;
pub mod target;
pub mod thread;
pub mod thread_pool;
pub mod timer;

pub use aio::{AIOCBInfo, AioContext, BlockAIOCB};
pub use event_notifier::EventNotifier;
pub use rfifolock::RFifoLock;
pub use timer::{QEMUClockType, QEMUTimer, QEMUTimerListGroup};

/// Proofs of the layout on targets that have a table; the build script makes them. Elsewhere the same
/// definitions follow the platform's own `pthread` types.
#[allow(unused_imports, reason = "there may be no table")]
mod layout {
    use super::{aio::*, event_notifier::*, glib::*, rfifolock::*, thread::*, timer::*};

    include!(concat!(env!("OUT_DIR"), "/layout.rs"));
}
