//! Symbols, as the linker finds them.
//!
//! A program may define any exported function itself, and may lack what a library would call of its
//! own. Each component has hidden names for its own functions, which no program can define; where an
//! exported name leads elsewhere, the program's function is called by it.

/// Defines functions that return the address of a symbol, as callers by that name find it:
///
/// ```ignore
/// symbols! {
///     in "prefix_";
///     fn notify() -> usize = "aio_notify";
///     weak fn notify_event() -> Option<unsafe extern "C" fn()> = "qemu_notify_event";
///     hidden fn renew() -> Option<extern "C" fn(ContextRef<'_>)> = "aiocontext_posix_renew";
/// }
/// ```
///
/// A type is `usize`, or an `Option` of a function pointer or `NonNull`. Where nothing defines a
/// `weak` symbol, or a `hidden` one, which is weak as well, the address is 0 or `None`. Stable Rust
/// cannot declare a weak import, and would take the address of a declared function for never 0. So
/// each address is in a word that the linker fills, whose name is the prefix and the symbol's.
///
/// Mach-O has no weak imports, and no program takes a function's place there: all are 0 or `None`.
#[doc(hidden)]
#[macro_export]
macro_rules! symbols {
    (in $prefix:literal; $($rest:tt)*) => {
        $crate::symbols!(@each $prefix $($rest)*);
    };
    (@each $prefix:literal) => {};
    (@each $prefix:literal
        $vis:vis fn $local:ident() -> $type:ty = $name:literal; $($rest:tt)*) => {
        $crate::symbols!(@one $prefix $vis $local $type, $name,);
        $crate::symbols!(@each $prefix $($rest)*);
    };
    (@each $prefix:literal
        weak $vis:vis fn $local:ident() -> $type:ty = $name:literal; $($rest:tt)*) => {
        $crate::symbols!(@one $prefix $vis $local $type, $name, concat!(".weak ", $name),);
        $crate::symbols!(@each $prefix $($rest)*);
    };
    (@each $prefix:literal
        hidden $vis:vis fn $local:ident() -> $type:ty = $name:literal; $($rest:tt)*) => {
        $crate::symbols!(
            @one $prefix $vis $local $type, $name,
            concat!(".weak ", $name), concat!(".hidden ", $name),
        );
        $crate::symbols!(@each $prefix $($rest)*);
    };
    (@one $prefix:literal $vis:vis $local:ident $type:ty, $name:literal, $($directive:expr,)*) => {
        #[cfg(not(target_vendor = "apple"))]
        core::arch::global_asm!(
            $($directive,)*
            ".pushsection .data.rel.ro,\"aw\"",
            ".balign {size}",
            concat!(".hidden ", $prefix, $name),
            concat!(".globl ", $prefix, $name),
            concat!(".type ", $prefix, $name, ", %object"),
            concat!(".size ", $prefix, $name, ", {size}"),
            concat!($prefix, $name, ":"),
            concat!(".dc.a ", $name),
            ".popsection",
            size = const core::mem::size_of::<usize>(),
        );

        #[doc = concat!("The address of the symbol `", $name, "`.")]
        #[inline]
        $vis fn $local() -> $type {
            #[cfg(not(target_vendor = "apple"))]
            {
                extern "C" {
                    #[link_name = concat!($prefix, $name)]
                    static WORD: $type;
                }
                // SAFETY: a word that is never written after the linker has filled it, with the
                // address of a symbol of this type or with 0, which is `None`.
                unsafe { WORD }
            }
            #[cfg(target_vendor = "apple")]
            Default::default()
        }
    };
}

/// `hidden_names! { "name" = function; ... }` gives functions names that no program can define, for
/// other components and for comparisons with exported names. It stands in the module of the functions,
/// because a name and its function must be in one object file, and each module may get its own. That module
/// must also have something that is linked for another reason, such as an export that other objects call: the
/// references to these names are weak, and a weak reference takes no object out of an archive.
#[doc(hidden)]
#[macro_export]
macro_rules! hidden_names {
    ($($name:literal = $function:path;)*) => {$(
        #[cfg(not(target_vendor = "apple"))]
        core::arch::global_asm!(
            concat!(".globl ", $name),
            concat!(".hidden ", $name),
            concat!(".set ", $name, ", {function}"),
            function = sym $function,
        );
    )*};
}
