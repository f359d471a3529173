//! The thread-pool component of libaiocontext.
