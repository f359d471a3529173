//! The program's coroutines, and the context that the calling code runs in.

use core::ffi::c_void;
use core::ptr::NonNull;

use aio_notify::ffi::ContextRef;
use aio_notify::symbols;

/// A coroutine of the program's. Only ever passed through.
#[repr(C)]
pub struct Coroutine {
    _opaque: [u8; 0],
}

symbols! {
    in "aiocontext_weak_imports_";
    weak fn program_self() -> Option<extern "C" fn() -> Option<NonNull<Coroutine>>> =
        "qemu_coroutine_self";
    weak fn program_enter() -> Option<unsafe extern "C" fn(NonNull<Coroutine>, *mut c_void)> =
        "qemu_coroutine_enter";
    weak fn program_yield() -> Option<unsafe extern "C" fn()> = "qemu_coroutine_yield";
    weak fn program_inside() -> Option<extern "C" fn() -> bool> = "qemu_in_coroutine";
    weak fn program_context() -> Option<extern "C" fn() -> Option<ContextRef<'static>>> =
        "qemu_get_aio_context";
}

/// The calling coroutine; `None` in a program without coroutines.
pub fn coroutine_self() -> Option<NonNull<Coroutine>> {
    program_self()?()
}

/// Runs a coroutine until it yields or ends. Does nothing in a program without coroutines, where
/// there is none to run.
///
/// # Safety
///
/// `coroutine` is one that has yielded and that nobody else enters.
pub unsafe fn coroutine_enter(coroutine: NonNull<Coroutine>) {
    if let Some(function) = program_enter() {
        // SAFETY: the program's own function, on a coroutine that may be entered.
        unsafe { function(coroutine, core::ptr::null_mut()) };
    }
}

/// Suspends the calling coroutine until somebody enters it. Returns false, without having waited,
/// in a program without coroutines.
///
/// # Safety
///
/// The caller runs in a coroutine ([`in_coroutine`]) and somebody will enter it.
pub unsafe fn coroutine_yield() -> bool {
    let Some(function) = program_yield() else {
        return false;
    };
    // SAFETY: the program's own function, within a coroutine.
    unsafe { function() };
    true
}

/// Whether the caller runs in a coroutine; false in a program without them.
pub fn in_coroutine() -> bool {
    program_inside().is_some_and(|function| function())
}

/// The program's main context; `None` in a program that has none.
pub fn main_context() -> Option<ContextRef<'static>> {
    program_context()?()
}
