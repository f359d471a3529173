//! New files under old numbers: what a child process does with the descriptors that it shares with
//! its parent.
//!
//! The numbers stay, because the program may have them, and GLib has. The parent's files are left
//! alone.

use core::ffi::c_int;

use aio_notify::ffi::descriptor::{self, Ends};
use aio_notify::Error;

/// Puts a new event under the numbers of an old one, and returns its numbers: those of the old one,
/// but for the write end of a pipe that replaces an eventfd. On failure the old numbers are closed.
///
/// # Errors
///
/// The system has no descriptor or memory left, or another thread has taken a number.
pub fn ends(old: Ends) -> Result<Ends, Error> {
    let is_pipe = old.write != old.read;
    let result = or_in_its_place(old.read, descriptor::open).and_then(|(new, is_free)| {
        let is_new_pipe = new.write != new.read;
        put(new.read, old.read, is_free).inspect_err(|_| {
            if is_new_pipe {
                descriptor::close(new.write);
            }
        })?;
        match (is_pipe, is_new_pipe) {
            (false, false) => Ok(old),
            (false, true) => Ok(Ends { read: old.read, write: new.write }),
            (true, true) => put(new.write, old.write, false).map(|()| old),
            (true, false) => duplicate(old.read, old.write).map(|()| old),
        }
        .inspect_err(|_| descriptor::close(old.read))
    });
    if result.is_err() && is_pipe {
        descriptor::close(old.write);
    }
    result
}

/// Puts a new file, which `open` makes, under the number of an old one. On failure the number is
/// closed.
///
/// # Errors
///
/// As for [`ends`].
pub fn number(old: c_int, open: impl Fn() -> Result<c_int, Error>) -> Result<(), Error> {
    let (new, is_free) = or_in_its_place(old, open)?;
    put(new, old, is_free)
}

/// Calls `open`. Without a free descriptor it first closes the old number; returns whether it did.
fn or_in_its_place<T>(old: c_int, open: impl Fn() -> Result<T, Error>) -> Result<(T, bool), Error> {
    match open() {
        Ok(new) => Ok((new, false)),
        Err(_) => {
            descriptor::close(old);
            Ok((open()?, true))
        }
    }
}

/// Moves a file to a number. The number's own file is closed by this, or has been if the number
/// `is_free`; then another thread may have taken the number.
fn put(new: c_int, old: c_int, is_free: bool) -> Result<(), Error> {
    if new == old {
        return Ok(());
    }
    let result = if is_free { take(new, old) } else { duplicate(new, old) };
    descriptor::close(new);
    if result.is_err() && !is_free {
        descriptor::close(old);
    }
    result
}

/// Duplicates a descriptor to a number that no open file has.
fn take(from: c_int, to: c_int) -> Result<(), Error> {
    // SAFETY: takes numbers only.
    let got = unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, to) };
    if got == to {
        return Ok(());
    }
    let error = Error::last();
    if got < 0 {
        return Err(error);
    }
    descriptor::close(got);
    Err(Error::from_raw_os_error(libc::EBUSY))
}

fn duplicate(from: c_int, to: c_int) -> Result<(), Error> {
    // SAFETY: takes numbers only.
    if unsafe { libc::dup3(from, to, libc::O_CLOEXEC) } < 0 {
        return Err(Error::last());
    }
    Ok(())
}
