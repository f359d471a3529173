//! Views: a C struct by its address, with a safe accessor for each member.
//!
//! C code may change a struct at any time, so there is never a reference to one: members are read
//! and written through their addresses, or through atomics.

use core::ptr::NonNull;

/// A view of a struct.
pub trait View {
    /// The struct.
    type Of;

    /// Makes the view.
    ///
    /// # Safety
    ///
    /// `pointer` points to a struct as the type describes it, which lives as long as the view.
    unsafe fn new(pointer: NonNull<Self::Of>) -> Self;
}

/// Defines a view, and for each member that it lists an accessor:
///
/// * `place a.b as name: Type` has the member's address;
/// * `atomic a.b as name: Atomic` has it as an atomic, for all code accesses it as one;
/// * `fixed a.b as name: Type` has its value, which is written before the struct is shared and not
///   changed after.
#[doc(hidden)]
#[macro_export]
macro_rules! view {
    ($(#[$attr:meta])* $vis:vis struct $view:ident($of:ty) {
        $($kind:ident $($member:ident).+ as $name:ident: $type:ty;)*
    }) => {
        $(#[$attr])*
        #[repr(transparent)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        $vis struct $view<'a> {
            pointer: core::ptr::NonNull<$of>,
            lives: core::marker::PhantomData<&'a core::sync::atomic::AtomicU32>,
        }

        impl $crate::ffi::View for $view<'_> {
            type Of = $of;

            #[inline]
            unsafe fn new(pointer: core::ptr::NonNull<$of>) -> Self {
                Self { pointer, lives: core::marker::PhantomData }
            }
        }

        // SAFETY: an address. Its accessors read what does not change any more, and give addresses and
        // atomics, so any thread may use it.
        unsafe impl Send for $view<'_> {}
        // SAFETY: as above.
        unsafe impl Sync for $view<'_> {}

        impl<'a> $view<'a> {
            /// The struct's address.
            #[inline]
            $vis fn as_ptr(self) -> *mut $of {
                self.pointer.as_ptr()
            }

            $($crate::view!(@$kind $vis $name: $type, $($member).+);)*
        }
    };
    (@place $vis:vis $name:ident: $type:ty, $($member:ident).+) => {
        #[doc = concat!("The address of `", stringify!($($member).+), "`.")]
        #[inline]
        $vis fn $name(self) -> *mut $type {
            // SAFETY: within a live struct, by the type's contract.
            unsafe { &raw mut (*self.as_ptr()).$($member).+ }
        }
    };
    (@atomic $vis:vis $name:ident: $type:ty, $($member:ident).+) => {
        #[doc = concat!("The word `", stringify!($($member).+), "`.")]
        #[inline]
        $vis fn $name(self) -> &'a $type {
            // SAFETY: within a live struct, by the type's contract.
            let place = unsafe { &raw mut (*self.as_ptr()).$($member).+ };
            // SAFETY: live and aligned; all code accesses it atomically, by the type's contract.
            unsafe { <$type>::from_ptr(place) }
        }
    };
    (@fixed $vis:vis $name:ident: $type:ty, $($member:ident).+) => {
        #[doc = concat!("The value of `", stringify!($($member).+), "`.")]
        #[inline]
        $vis fn $name(self) -> $type {
            // SAFETY: within a live struct, and not written since that is shared.
            unsafe { (*self.as_ptr()).$($member).+ }
        }
    };
}

/// `argument!(LIBRARY, function(argument): View)` is the view of an export's argument. Aborts,
/// naming function and argument, if it is NULL. For `unsafe extern "C"` functions only, whose
/// contract has what [`View::new`] asks for.
#[doc(hidden)]
#[macro_export]
macro_rules! argument {
    ($library:expr, $function:ident($argument:ident): $view:ty) => {{
        let argument = $library.not_null($argument, stringify!($function), stringify!($argument));
        // SAFETY: the contract of the exported function.
        unsafe { <$view as $crate::ffi::View>::new(argument) }
    }};
}
