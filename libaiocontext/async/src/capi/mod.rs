//! The functions that C programs call, under their C names.

mod bottom_half;
mod context;
mod notify;

pub use bottom_half::*;
pub use context::*;
pub use notify::*;
