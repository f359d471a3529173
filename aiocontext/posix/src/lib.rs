//! The aio-posix component of libaiocontext: descriptors and aio_poll.
