//! The name of the symbol that says a layout. `AIONOTIFY_CHECK_LAYOUT` refers to it by the same form.

use std::fmt::Display;

/// For a generation without its point (`24`), the offsets of `notify_me`, `notified` and `notifier`, and
/// the size of EventNotifier.
pub(crate) fn name(generation: &str, numbers: [impl Display; 4]) -> String {
    let [notify_me, notified, notifier, size] = numbers;
    format!("aionotify_for_{generation}_{notify_me}_{notified}_{notifier}_{size}")
}
