//! The aiocb component of libaiocontext: counted asynchronous requests.

mod capi;
mod request;

use aio_notify::ffi::LIBAIOCONTEXT as LIBRARY;

pub use capi::{qemu_aio_get, qemu_aio_ref, qemu_aio_unref};
