//! The program's clocks.

use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use aio_notify::abi::QEMUClockType;
use aio_notify::symbols;

symbols! {
    in "aiocontext_weak_imports_";
    weak fn program_clock() -> Option<extern "C" fn() -> i64> = "cpu_get_clock";
    weak fn program_icount() -> Option<extern "C" fn() -> i64> = "cpu_get_icount";
    weak fn program_use_icount() -> Option<NonNull<c_int>> = "use_icount";
    weak fn program_warp() -> Option<extern "C" fn(QEMUClockType)> = "qemu_clock_warp";
}

/// The guest's time in ns; `None` in a program that has no guest, where the monotonic clock takes
/// its place.
pub fn cpu_get_clock() -> Option<i64> {
    program_clock().map(|function| function())
}

/// The guest's time in ns by the instructions that it has run; `None` in a program that does not
/// count them.
pub fn cpu_get_icount() -> Option<i64> {
    program_icount().map(|function| function())
}

/// Whether the guest's time is that of [`cpu_get_icount`]; false in a program that does not say.
pub fn use_icount() -> bool {
    program_use_icount().is_some_and(|word| {
        // SAFETY: the program's `int`, aligned, which lives as long as the program.
        let word = unsafe { AtomicI32::from_ptr(word.as_ptr()) };
        // Relaxed: a setting; no later read depends on it.
        word.load(Relaxed) != 0
    })
}

/// Lets the guest's time jump to the next deadline while its CPUs sleep. Does nothing in a
/// program without `qemu_clock_warp()`.
pub fn clock_warp(clock: QEMUClockType) {
    if let Some(function) = program_warp() {
        function(clock);
    }
}
