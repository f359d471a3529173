//! The technique: a word that the linker fills with the address of the program's symbol, or 0.
//!
//! Stable Rust cannot declare a weak import, and would take the address of a declared function
//! for never 0.

/// `weak_import!(local = "symbol": Type)` defines `fn local() -> Option<Type>`; a `Type` is a
/// function pointer or a `NonNull`, so that 0 is `None`.
macro_rules! weak_import {
    ($local:ident = $name:literal: $type:ty) => {
        #[cfg(not(target_vendor = "apple"))]
        core::arch::global_asm!(
            concat!(".weak ", $name),
            ".pushsection .data.rel.ro,\"aw\"",
            ".balign {size}",
            concat!(".hidden aiocontext_program_", $name),
            concat!(".globl aiocontext_program_", $name),
            concat!(".type aiocontext_program_", $name, ", %object"),
            concat!(".size aiocontext_program_", $name, ", {size}"),
            concat!("aiocontext_program_", $name, ":"),
            concat!(".dc.a ", $name),
            ".popsection",
            size = const size_of::<usize>(),
        );

        /// The program's, if it has one.
        #[cfg(not(target_vendor = "apple"))]
        fn $local() -> Option<$type> {
            extern "C" {
                #[link_name = concat!("aiocontext_program_", $name)]
                static WORD: Option<$type>;
            }
            // SAFETY: a word that is never written after the linker has filled it, with the
            // address of a symbol of this type or with 0, which is `None`.
            unsafe { WORD }
        }

        /// Mach-O has no such import.
        #[cfg(target_vendor = "apple")]
        fn $local() -> Option<$type> {
            None
        }
    };
}

pub(crate) use weak_import;
