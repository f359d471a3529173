//! Messages of the library on standard error.

use core::fmt;

use crate::shared::message;

/// What every line of the library starts with.
pub(super) const LIBRARY: &str = "aionotify";

/// Writes `aionotify: ` and the message as one line to standard error; `errno` is unchanged.
///
/// Any thread and signal handlers. Longer lines than 511 bytes are cut off.
pub fn say(message: fmt::Arguments<'_>) {
    message::say(LIBRARY, message);
}
