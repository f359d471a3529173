//! What the tool says of programs that call the library, and of those in which something of their own
//! is left, however it hides.

mod asked;
mod command;
mod debug_files;
mod debugging;
mod definitions;
mod layout;
mod libraries;
mod other_libraries;
mod programs;
