//! Addresses of symbols, as the linker finds them.
//!
//! A program may define any exported function itself. Each component has hidden names for its own
//! functions, which no program can define; where an exported name leads elsewhere, somebody else's
//! function is called by it.

/// `address_word!(local, "symbol", "component", directives...)` defines `fn local() -> usize`: the
/// symbol's address, as whoever calls it by that name finds it, or 0 where a weak one is not there.
/// The directives (`".weak symbol"`, `".hidden symbol"`) say what kind of symbol it is.
#[macro_export]
macro_rules! address_word {
    ($local:ident, $name:literal, $component:literal $(, $directive:literal)*) => {
        #[cfg(not(target_vendor = "apple"))]
        core::arch::global_asm!(
            $($directive,)*
            ".pushsection .data.rel.ro,\"aw\"",
            ".balign {size}",
            concat!(".hidden aiocontext_", $component, "_address_of_", $name),
            concat!(".globl aiocontext_", $component, "_address_of_", $name),
            concat!(".type aiocontext_", $component, "_address_of_", $name, ", %object"),
            concat!(".size aiocontext_", $component, "_address_of_", $name, ", {size}"),
            concat!("aiocontext_", $component, "_address_of_", $name, ":"),
            concat!(".dc.a ", $name),
            ".popsection",
            size = const core::mem::size_of::<usize>(),
        );

        #[cfg(not(target_vendor = "apple"))]
        #[inline]
        fn $local() -> usize {
            extern "C" {
                #[link_name = concat!("aiocontext_", $component, "_address_of_", $name)]
                static WORD: usize;
            }
            // SAFETY: a word that is never written after the linker has filled it.
            unsafe { WORD }
        }

        /// Mach-O has no weak imports, and no program takes a function's place there.
        #[cfg(target_vendor = "apple")]
        fn $local() -> usize {
            0
        }
    };
}
