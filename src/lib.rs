//! The wakeup protocol of QEMU's AioContext: an event loop that sleeps in `poll` is woken from
//! other threads and from signal handlers, at the cost of one memory barrier while nobody sleeps.
//!
//! There are two ways to use it:
//!
//! * From Rust, [`Notifier`] wakes a loop of your own.
//! * From C, the `capi` crate of this workspace makes `libaionotify` of the functions in
//!   [`mod@capi`], which take the place of the originals in a program written for QEMU's
//!   `block/aio.h`; [`abi`] has the types that both sides share.
//!
//! ```
//! use aio_notify::Notifier;
//! use std::sync::{atomic::{AtomicBool, Ordering}, Arc};
//! use std::time::Duration;
//!
//! let notifier = Arc::new(Notifier::new()?);
//! let work = Arc::new(AtomicBool::new(false));
//!
//! let worker = std::thread::spawn({
//!     let (notifier, work) = (notifier.clone(), work.clone());
//!     move || {
//!         work.store(true, Ordering::Relaxed); // first the work,
//!         notifier.notify();                   // then the notification
//!     }
//! });
//!
//! loop {
//!     let polling = notifier.begin_poll();      // from here on a notify wakes us
//!     let ready = work.load(Ordering::Relaxed); // so look at the work after it
//!     polling.wait(if ready { Some(Duration::ZERO) } else { None })?;
//!     if work.swap(false, Ordering::Relaxed) {
//!         break;
//!     }
//! }
//! worker.join().unwrap();
//! # Ok::<(), aio_notify::Error>(())
//! ```

#![no_std]

#[cfg(test)]
extern crate std;

// For the sources that another package compiles as well.
#[cfg(feature = "capi")]
extern crate self as aio_notify;

// The macro `symbol_of_layout`.
include!(concat!(env!("OUT_DIR"), "/symbol.rs"));

pub mod abi;
#[cfg(feature = "capi")]
pub mod capi;
#[doc(hidden)]
pub mod ffi;
pub mod protocol;

mod descriptor;
mod error;
mod event_notifier;
mod layout;
mod notifier;

pub use error::Error;
pub use notifier::{Notifier, Polling};
