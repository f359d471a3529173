//! What the tests share: the installed tree, a C compiler, and a way to run programs.
//!
//! The tests see the library as a user does: installed below a prefix, found through pkg-config.

pub mod abi;
pub mod elf;

mod compile;
mod host;
mod installed;
mod modes;
mod patched;
mod run;
mod tree;

pub use compile::{compiler, Linkage, Program};
pub use host::{host_tree, Host, HostLibrary};
pub use installed::{pkg_config, pkg_config_below, prefix, root, scratch};
pub use modes::{in_parallel, Mode};
pub use patched::{copy_tree, unpatched, Patched};
pub use run::{output, program, succeed, Finished};
pub use tree::{files_below, read, write};
