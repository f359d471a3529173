//! Measures `libaionotify` beside what else wakes a loop: the C code that it replaces, a bare
//! eventfd, and other event libraries, each through its own functions.
//!
//! `benches/time.rs` measures with criterion, `benches/instructions.rs` counts with callgrind, the
//! program `bench` does the rest and writes `docs/PERFORMANCE.md`.

#[cfg(feature = "peers")]
mod crates;

pub mod columns;
pub mod cpu;
pub mod instructions;
#[cfg(feature = "peers")]
pub mod machine;
pub mod measure;
pub mod peer;
pub mod rows;
pub mod sizes;
pub mod summary;
pub mod table;
pub mod time;
pub mod wakes;
