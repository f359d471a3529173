//! Types that C code only holds pointers to. The component that provides one defines it.

/// A descriptor's handler in a context. Owned by the program's loop.
#[repr(C)]
pub struct AioHandler {
    _opaque: [u8; 0],
}

/// A bottom half: a callback to run from the loop. Owned by the program's loop.
#[repr(C)]
pub struct QEMUBH {
    _opaque: [u8; 0],
}

/// The active timers of one clock. Owned by the program's timers.
#[repr(C)]
pub struct QEMUTimerList {
    _opaque: [u8; 0],
}

/// A pool of worker threads. Owned by the program's thread pool.
#[repr(C)]
pub struct ThreadPool {
    _opaque: [u8; 0],
}

/// A block device node. The library only passes it on.
#[repr(C)]
pub struct BlockDriverState {
    _opaque: [u8; 0],
}

/// The program's error report. The library only passes it on.
#[repr(C)]
pub struct Error {
    _opaque: [u8; 0],
}

/// A listener in one of the program's lists. Opaque here.
#[repr(C)]
pub struct Notifier {
    _opaque: [u8; 0],
}

/// The program's stream. The library only passes it on.
#[repr(C)]
pub struct QEMUFile {
    _opaque: [u8; 0],
}
