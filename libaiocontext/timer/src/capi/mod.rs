//! The functions that C programs call, under their C names.

mod qemu_clock;
mod timeout;
mod timer;
mod timerlist;
mod timerlistgroup;

pub use qemu_clock::*;
pub use timeout::*;
pub use timer::*;
pub use timerlist::*;
pub use timerlistgroup::*;
