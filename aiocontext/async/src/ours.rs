//! Whether the symbols of this component and of the loop are the library's own.
//!
//! A program may define any of them itself. Each component has hidden names for its own functions,
//! which no program can define; where an exported name leads elsewhere, somebody else's function
//! is called by it.

/// `word!(local = "symbol")` defines `fn local() -> usize`: the symbol's address, as whoever calls
/// it by that name finds it. The directives before it say what kind of symbol it is.
macro_rules! word {
    ($local:ident = $name:literal $(, $directive:literal)*) => {
        #[cfg(not(target_vendor = "apple"))]
        core::arch::global_asm!(
            $($directive,)*
            ".pushsection .data.rel.ro,\"aw\"",
            ".balign {size}",
            concat!(".hidden aiocontext_async_address_of_", $name),
            concat!(".globl aiocontext_async_address_of_", $name),
            concat!(".type aiocontext_async_address_of_", $name, ", %object"),
            concat!(".size aiocontext_async_address_of_", $name, ", {size}"),
            concat!("aiocontext_async_address_of_", $name, ":"),
            concat!(".dc.a ", $name),
            ".popsection",
            size = const size_of::<usize>(),
        );

        #[cfg(not(target_vendor = "apple"))]
        fn $local() -> usize {
            extern "C" {
                #[link_name = concat!("aiocontext_async_address_of_", $name)]
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

word!(notify = "aio_notify");
word!(accept = "aio_notify_accept");
// Weak: in a static program with a loop of its own it is not there, nor is ours.
word!(poll = "aio_poll", ".weak aio_poll");
word!(
    own_poll = "aiocontext_posix_aio_poll",
    ".weak aiocontext_posix_aio_poll",
    ".hidden aiocontext_posix_aio_poll"
);
word!(own_notify = "aiocontext_async_aio_notify");
word!(own_accept = "aiocontext_async_aio_notify_accept");

/// Whether the library's own `aio_poll` is the loop, and notifies by this component.
///
/// False also in a program that is not position-independent and takes the address of one of the
/// functions: it then has an address in the program. That only costs speed.
#[inline]
pub(crate) fn the_loop() -> bool {
    own_poll() != 0 && poll() == own_poll() && notify() == own_notify() && accept() == own_accept()
}
