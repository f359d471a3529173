//! What only some programs have: weak imports of the program's functions, with defaults.
//!
//! QEMU has all of these, a stand-alone program has none. Each function here calls the program's
//! if there is one, and says what happens without. They take no lock; threads and signal handlers
//! as the program's function.

#![no_std]

mod coroutine;
mod error;
mod events;
mod time;

pub use coroutine::{
    coroutine_enter, coroutine_self, coroutine_yield, in_coroutine, main_context, Coroutine,
};
pub use error::error_set_errno;
pub use events::{notify_event, set_fd_handler};
pub use time::{clock_warp, cpu_get_clock, cpu_get_icount, use_icount};
