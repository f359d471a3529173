//! The columns that are Rust crates, behind the same functions.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::peer::Functions;

struct Mio {
    poll: mio::Poll,
    events: mio::Events,
    waker: mio::Waker,
}

/// mio's `Waker`.
pub(crate) static MIO: Functions = Functions {
    create: mio_create,
    destroy: destroy::<Mio>,
    notify: mio_notify,
    consume: mio_consume,
    sleep: mio_sleep,
    notify_times: mio_notify_times,
    consume_times: mio_consume_times,
    set_asleep: None,
};

unsafe extern "C" fn mio_create() -> *mut c_void {
    let make = || {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), mio::Token(0))?;
        Ok(Mio { poll, events: mio::Events::with_capacity(16), waker })
    };
    create(make())
}

unsafe extern "C" fn mio_notify(pointer: *mut c_void) {
    let pointer = pointer.cast::<Mio>();
    // SAFETY: a live loop; the waker is never borrowed for writing.
    let waker = unsafe { &(*pointer).waker };
    waker.wake().expect("the waker works");
}

fn mio_wait(pointer: *mut c_void, timeout: Option<Duration>) {
    let pointer = pointer.cast::<Mio>();
    // SAFETY: a live loop; only its own thread takes this member.
    let poll = unsafe { &mut (*pointer).poll };
    // SAFETY: as above.
    let events = unsafe { &mut (*pointer).events };
    poll.poll(events, timeout).expect("the poll works");
}

unsafe extern "C" fn mio_consume(pointer: *mut c_void) {
    mio_wait(pointer, Some(Duration::ZERO));
}

unsafe extern "C" fn mio_notify_times(pointer: *mut c_void, times: u64) {
    for _ in 0..times {
        // SAFETY: the caller's loop.
        unsafe { mio_notify(pointer) };
    }
}

unsafe extern "C" fn mio_consume_times(pointer: *mut c_void, times: u64) {
    for _ in 0..times {
        // SAFETY: the caller's loop, by its thread.
        unsafe { mio_consume(pointer) };
    }
}

unsafe extern "C" fn mio_sleep(pointer: *mut c_void, _sent: *const AtomicU64, _seen: u64) {
    mio_wait(pointer, None);
}

struct Polling {
    poller: polling::Poller,
    events: polling::Events,
}

/// polling's `Poller::notify`.
pub(crate) static POLLING: Functions = Functions {
    create: polling_create,
    destroy: destroy::<Polling>,
    notify: polling_notify,
    consume: polling_consume,
    sleep: polling_sleep,
    notify_times: polling_notify_times,
    consume_times: polling_consume_times,
    set_asleep: None,
};

unsafe extern "C" fn polling_create() -> *mut c_void {
    let poller = polling::Poller::new();
    create(poller.map(|poller| Polling { poller, events: polling::Events::new() }))
}

unsafe extern "C" fn polling_notify(pointer: *mut c_void) {
    let pointer = pointer.cast::<Polling>();
    // SAFETY: a live loop; the poller is never borrowed for writing.
    let poller = unsafe { &(*pointer).poller };
    poller.notify().expect("the poller works");
}

fn polling_wait(pointer: *mut c_void, timeout: Option<Duration>) {
    let pointer = pointer.cast::<Polling>();
    // SAFETY: a live loop; the poller is never borrowed for writing.
    let poller = unsafe { &(*pointer).poller };
    // SAFETY: only the loop's own thread takes this member.
    let events = unsafe { &mut (*pointer).events };
    events.clear();
    poller.wait(events, timeout).expect("the poll works");
}

unsafe extern "C" fn polling_consume(pointer: *mut c_void) {
    polling_wait(pointer, Some(Duration::ZERO));
}

unsafe extern "C" fn polling_notify_times(pointer: *mut c_void, times: u64) {
    for _ in 0..times {
        // SAFETY: the caller's loop.
        unsafe { polling_notify(pointer) };
    }
}

unsafe extern "C" fn polling_consume_times(pointer: *mut c_void, times: u64) {
    for _ in 0..times {
        // SAFETY: the caller's loop, by its thread.
        unsafe { polling_consume(pointer) };
    }
}

unsafe extern "C" fn polling_sleep(pointer: *mut c_void, _sent: *const AtomicU64, _seen: u64) {
    polling_wait(pointer, None);
}

fn create<T>(made: std::io::Result<T>) -> *mut c_void {
    made.map_or(null_mut(), |made| Box::into_raw(Box::new(made)).cast())
}

unsafe extern "C" fn destroy<T>(pointer: *mut c_void) {
    // SAFETY: the box that `create` leaked, for the last time.
    drop(unsafe { Box::from_raw(pointer.cast::<T>()) });
}
