//! The program's coroutines, and the context that the calling code runs in.

use core::ffi::c_void;
use core::ptr::NonNull;

use aio_notify::abi::AioContext;

use crate::import::weak_import;

/// A coroutine of the program's. Only ever passed through.
#[repr(C)]
pub struct Coroutine {
    _opaque: [u8; 0],
}

weak_import!(program_self = "qemu_coroutine_self": unsafe extern "C" fn() -> *mut Coroutine);
weak_import!(program_enter = "qemu_coroutine_enter": unsafe extern "C" fn(*mut Coroutine, *mut c_void));
weak_import!(program_yield = "qemu_coroutine_yield": unsafe extern "C" fn());
weak_import!(program_inside = "qemu_in_coroutine": unsafe extern "C" fn() -> bool);
weak_import!(program_context = "qemu_get_aio_context": unsafe extern "C" fn() -> *mut AioContext);

/// The calling coroutine; `None` in a program without coroutines.
pub fn coroutine_self() -> Option<NonNull<Coroutine>> {
    let function = program_self()?;
    // SAFETY: the program's own function, called as the reference calls it.
    NonNull::new(unsafe { function() })
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
        unsafe { function(coroutine.as_ptr(), core::ptr::null_mut()) };
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
    // SAFETY: the program's own function, called as the reference calls it.
    program_inside().is_some_and(|function| unsafe { function() })
}

/// The program's main context; `None` in a program that has none.
pub fn main_context() -> Option<NonNull<AioContext>> {
    let function = program_context()?;
    // SAFETY: the program's own function, called as the reference calls it.
    NonNull::new(unsafe { function() })
}
