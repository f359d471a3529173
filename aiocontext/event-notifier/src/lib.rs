//! The event notifier component of libaiocontext.
