//! Checks of arguments, with the library's name in front of the message.

use super::message::LIBRARY;
use crate::shared::check;

/// Aborts with one line that names function and argument, in a way that its caller can end with a
/// jump; see [`check::is_null`].
#[cold]
#[inline(never)]
pub(super) fn is_null(function: &str, argument: &str) {
    check::is_null(LIBRARY, function, argument);
}
