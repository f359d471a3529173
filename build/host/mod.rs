//! The layout of a program's own `AioContext`, read from the program's headers.
//!
//! The build script compiles the library for it, and `tools/host-report` prints it. What the
//! headers do not show to be right is refused, with one message.

mod check;
mod compile_commands;
mod entries;
mod evidence;
mod flags;
mod generation;
mod layout;
mod pointers;
mod quiet;
mod read;
mod refusal;
mod request;

#[allow(unused_imports, reason = "the build script and the report use a part each")]
pub(crate) use {
    check::{check, set_handler_is_the_librarys},
    evidence::Evidence,
    generation::Generation,
    layout::Layout,
    read::read,
    read::Headers,
    request::Request,
};
