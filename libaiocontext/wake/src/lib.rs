//! How the library's own loop is woken: the protocol, the private events, and how the components
//! find out that both sides of it are the library's.

#![no_std]

mod coalescing;
mod event;
mod own_loop;
pub mod renew;
mod sync;

pub use coalescing::{publish, Coalescing, Context, Events, Sleepers};
pub use event::Event;
pub use own_loop::OwnLoop;
