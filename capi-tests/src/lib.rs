//! What the tests share: the installed tree, a C compiler, and a way to run programs.
//!
//! The tests see the library as a user does: installed below a prefix, found through pkg-config.

mod compile;
mod installed;
mod run;

pub use compile::{compiler, Linkage, Program};
pub use installed::{pkg_config, prefix, root, scratch};
pub use run::{output, program, succeed, Finished};
