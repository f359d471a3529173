//! The argument of a callback.

use core::ffi::c_void;

/// The argument of a callback of the program's: carried to the callback, and never looked at.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Opaque(pub *mut c_void);

// SAFETY: only carried. In which threads the callback may run is in the contract of the function that
// takes both.
unsafe impl Send for Opaque {}
// SAFETY: as above.
unsafe impl Sync for Opaque {}
