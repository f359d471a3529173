//! The program's clocks.

use core::ffi::c_int;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use aio_notify::abi::QEMUClockType;

use crate::import::weak_import;

weak_import!(program_clock = "cpu_get_clock": unsafe extern "C" fn() -> i64);
weak_import!(program_icount = "cpu_get_icount": unsafe extern "C" fn() -> i64);
weak_import!(program_use_icount = "use_icount": NonNull<c_int>);
weak_import!(program_warp = "qemu_clock_warp": unsafe extern "C" fn(QEMUClockType));

/// The guest's time in ns; `None` in a program that has no guest, where the monotonic clock takes
/// its place.
pub fn cpu_get_clock() -> Option<i64> {
    // SAFETY: the program's own function, called as the reference calls it.
    program_clock().map(|function| unsafe { function() })
}

/// The guest's time in ns by the instructions that it has run; `None` in a program that does not
/// count them.
pub fn cpu_get_icount() -> Option<i64> {
    // SAFETY: the program's own function, called as the reference calls it.
    program_icount().map(|function| unsafe { function() })
}

/// Whether the guest's time is that of [`cpu_get_icount`]; false in a program that does not say.
pub fn use_icount() -> bool {
    program_use_icount().is_some_and(|word| {
        // SAFETY: the program's `int`, aligned, which lives as long as the program.
        let word = unsafe { AtomicI32::from_ptr(word.as_ptr()) };
        // Relaxed: a setting, nothing is read on the strength of it.
        word.load(Relaxed) != 0
    })
}

/// Lets the guest's time jump to the next deadline while its CPUs sleep. Does nothing in a
/// program without `qemu_clock_warp()`.
pub fn clock_warp(clock: QEMUClockType) {
    if let Some(function) = program_warp() {
        // SAFETY: the program's own function, called as the reference calls it.
        unsafe { function(clock) };
    }
}
