//! What the library needs to know of a program's structs.

use super::generation::Generation;
use crate::layout_symbol;

/// Offsets in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    pub(crate) generation: Generation,
    /// Within `AioContext`.
    pub(crate) notify_me: usize,
    /// Within `AioContext`.
    pub(crate) notified: usize,
    /// Within `AioContext`.
    pub(crate) notifier: usize,
    /// Size of `EventNotifier`.
    pub(crate) notifier_size: usize,
    /// Within `EventNotifier`.
    pub(crate) rfd: usize,
    /// Within `EventNotifier`.
    pub(crate) wfd: usize,
    /// Within `EventNotifier`, if it has this field.
    pub(crate) initialized: Option<usize>,
    /// Whether the library has `event_notifier_set_handler`.
    pub(crate) set_handler: bool,
}

impl Layout {
    /// The constants that `src/layout.rs` has for the reference.
    pub(crate) fn rust(&self) -> String {
        format!(
            "pub(crate) const GENERATION: &str = {:?};\n\
             pub(crate) const NOTIFY_ME: usize = {};\n\
             pub(crate) const NOTIFIED: usize = {};\n\
             pub(crate) const NOTIFIER: usize = {};\n\
             pub(crate) const NOTIFIER_SIZE: usize = {};\n\
             pub(crate) const RFD: usize = {};\n\
             pub(crate) const WFD: usize = {};\n\
             pub(crate) const INITIALIZED: Option<usize> = {:?};\n",
            self.generation.name(),
            self.notify_me,
            self.notified,
            self.notifier,
            self.notifier_size,
            self.rfd,
            self.wfd,
            self.initialized
        )
    }

    /// The name of the symbol that says this layout.
    pub(crate) fn symbol(&self) -> String {
        let numbers = [self.notify_me, self.notified, self.notifier, self.notifier_size];
        layout_symbol::name(&self.generation.name().replace('.', ""), numbers)
    }

    /// What `aionotify_target()` of the library returns.
    pub(crate) fn target(&self) -> String {
        format!(
            "qemu-{} notify_me@{} notified@{} notifier@{}",
            self.generation.name(),
            self.notify_me,
            self.notified,
            self.notifier
        )
    }
}
