//! Numbers whose file was closed before their handler was removed.

use std::ffi::c_int;
use std::io;

use crate::file::is_open;
use crate::handlers::Handlers;
use crate::LIBRARY;

/// Whether the result of a change says that the number no longer stands for the file in the set.
pub(super) fn is_another_file(result: &io::Result<()>) -> bool {
    matches!(errno(result), Some(libc::ENOENT | libc::EBADF))
}

pub(super) fn errno(result: &io::Result<()>) -> Option<c_int> {
    result.as_ref().err().map(|e| e.raw_os_error().unwrap_or(libc::EIO))
}

/// Drops the handlers of numbers that stand for no file.
pub(crate) fn drop_closed(handlers: &mut Handlers) {
    for (token, _) in handlers.watched() {
        if !is_open(token.fd) {
            closed_while_watched(token.fd);
            handlers.remove(token.fd);
        }
    }
}

pub(super) fn not_open(handlers: &mut Handlers, fd: c_int) {
    handlers.remove(fd);
    LIBRARY.log(format_args!(
        "aio_set_fd_handler: descriptor {fd} is not open; its handler is dropped"
    ));
}

pub(super) fn stands_for_another_file(fd: c_int) {
    LIBRARY.log(format_args!(
        "aio_set_fd_handler: descriptor {fd} was closed before its handler was removed, and \
             stands for another file now, which is watched instead"
    ));
}

pub(super) fn closed_while_watched(fd: c_int) {
    LIBRARY.log(format_args!(
        "aio_set_fd_handler: descriptor {fd} was closed before its handler was removed; its \
             handler is dropped"
    ));
}
