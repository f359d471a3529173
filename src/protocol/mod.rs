//! The wakeup protocols: in which order notifiers and loops access a context's words and its event.
//!
//! | module | whose loop it is |
//! | --- | --- |
//! | [`flag`] | one of QEMU up to 5.1, or a Rust program's: it drains the event if `notified` is set |
//! | [`since_5_2`] | one of QEMU 5.2 and later: it drains the event in a handler of its own |
//! | [`coalescing`] | libaiocontext's own: a burst of notifications shares one write |
//!
//! The modules own the order of the accesses and nothing else: no descriptor, no pointer. The
//! caller passes the [`Words`], and closures that fill or drain the event. Signal handlers notify,
//! so nothing here may lock, allocate or block. Filling must be wait-free, and reports a failure
//! itself: no protocol could make up for it.
//!
//! Filling an event happens before a poll that finds it full, and before the call that drains it:
//! the kernel's lock on an eventfd or a pipe guarantees that.
//!
//! All atomics come from `sync`. The loom tests compile these files with loom's atomics in its
//! place, so the code that they check is the code that ships.

#[cfg(target_has_atomic = "64")]
pub mod coalescing;
pub mod flag;
pub mod since_5_2;

mod sync;
mod words;

pub use words::{Words, GSOURCE, POLLER};
