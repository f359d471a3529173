//! What the C libraries of this project have in common. Not for others: it changes without notice.
//!
//! Each library says its own name in its messages, so the functions take it as an argument.

pub mod check;
pub mod context;
pub mod event_notifier;
pub mod message;

pub use crate::error::preserving_errno;
