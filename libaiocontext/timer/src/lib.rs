//! The qemu-timer component of libaiocontext: clocks and timers.
//!
//! A timer is armed on a list, a list belongs to a clock. The armed timers of a list are in a heap,
//! whose first deadline is also in an atomic word: asking a list without a due timer takes no lock.

mod capi;
mod clock;
mod clock_lists;
mod heap;
mod list_group;
mod main_loop;
mod reset_notifiers;
mod running_threads;
mod timeout;
mod timer;
mod timer_list;
mod timer_ref;
mod wait_cycles;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

pub use capi::*;
pub use reset_notifiers::Notifier;
