//! What the exports of both C libraries stand on: the library's name in messages, checks of
//! arguments, views of C structs, symbols, its layout. Not for others: it changes without notice.

pub mod context;
pub mod event_notifier;
pub mod library;
pub mod opaque;
pub mod symbol;
pub mod target;
pub mod thread;
pub mod time;
pub mod view;

mod message;

pub use crate::error::preserving_errno;
pub use context::{ContextRef, LockRef};
pub use library::{Library, LIBAIOCONTEXT, LIBAIONOTIFY};
pub use opaque::Opaque;
pub use view::View;

/// The system calls behind an event.
pub mod descriptor {
    pub use crate::descriptor::{close, open, set, test_and_clear, Ends, CLOSED};
}

/// What a call on a lock of the standard library returns, poisoned or not: a panic, which could
/// leave the data half changed, would have ended the program.
#[doc(hidden)]
#[macro_export]
macro_rules! unpoisoned {
    ($result:expr) => {
        $result.unwrap_or_else(std::sync::PoisonError::into_inner)
    };
}
