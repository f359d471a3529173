//! `aionotify/target.h`: what a library and a program tell each other of their layouts.

/// Where a program has what it shares with the library, in bytes; `AIONOTIFY_CHECK_LAYOUT()` fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AionotifyLayout {
    /// 24 for loops up to QEMU 5.1, 52 for later ones.
    pub generation: u32,
    /// Offset of AioContext.notify_me.
    pub notify_me: u32,
    /// Offset of AioContext.notified.
    pub notified: u32,
    /// Offset of AioContext.notifier.
    pub notifier: u32,
    /// Size of EventNotifier.
    pub notifier_size: u32,
    /// Offset of EventNotifier.rfd.
    pub rfd: u32,
    /// Offset of EventNotifier.wfd.
    pub wfd: u32,
    /// Size of AioContext, which only libaiocontext compares.
    pub context_size: u32,
}
