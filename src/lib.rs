//! An eventcount with a descriptor: wakes an event loop that sleeps in `poll`, from any thread or signal
//! handler, for the price of one memory barrier while nobody sleeps. It is the wakeup protocol of
//! QEMU's AioContext.
//!
//! A loop announces that it is about to sleep, looks at its work once more, and then polls the
//! descriptor. A notifier publishes its work, and writes to the descriptor only if a loop has announced
//! itself. Notifications may coalesce; a wakeup is never lost.
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
//!
//! [`Notifier`] and [`Polling`] are the API for Rust programs. The rest is for the C libraries
//! `libaionotify` and `libaiocontext`, which this crate's repository builds, and changes without notice.
//!
//! The crate is `no_std`, and does not allocate. It needs a Unix system: an eventfd on Linux, a pipe
//! elsewhere.
//!
//! # Features
//!
//! - `capi`: defines the C functions `aio_notify`, `aio_notify_accept` and `event_notifier_*` under these
//!   names. For `libaionotify`; a Rust program leaves it off.
//! - `host-headers`: builds for the `AioContext` of a C program's own headers, instead of the layout of
//!   QEMU 2.4. Needs libclang.

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
