//! The C types and prototypes of the AioContext interface, one module for each header.
//!
//! The headers under `include/` are generated from these files. Layouts equal those of QEMU at
//! commit 05e514b1d4 (July 2015), so that one `AioContext` can be shared with code that was
//! compiled against that tree; each struct proves its own at compile time, with the figures that
//! a C compiler printed for the reference. Nothing in here has behaviour.
//!
//! The functions declared in `extern "C"` blocks are the program's own (its loop, timers, lock
//! and thread pool): declaring them here makes no program need them.

/// Proves size, alignment and offsets on one architecture with glibc. Elsewhere the same
/// definitions follow the platform's own `pthread` types, but there is no table to compare with.
macro_rules! assert_layout {
    ($arch:literal, $type:ident: $size:literal / $align:literal $(, $field:ident: $offset:literal)*) => {
        #[cfg(all(
            target_os = "linux",
            target_env = "gnu",
            // Not x32, which is an "x86_64" too.
            any(target_pointer_width = "64", target_arch = "x86"),
            target_arch = $arch
        ))]
        const _: () = {
            assert!(core::mem::size_of::<$type>() == $size);
            assert!(core::mem::align_of::<$type>() == $align);
            $(assert!(core::mem::offset_of!($type, $field) == $offset);)*
        };
    };
}

pub mod aio;
pub mod event_notifier;
pub mod glib;
pub mod opaque;
pub mod rfifolock;
pub mod thread;
pub mod thread_pool;
pub mod timer;

pub use aio::{AIOCBInfo, AioContext, BlockAIOCB};
pub use event_notifier::EventNotifier;
pub use rfifolock::RFifoLock;
pub use timer::{QEMUClockType, QEMUTimer, QEMUTimerListGroup};
