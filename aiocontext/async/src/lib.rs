//! The async component of libaiocontext: contexts, bottom halves, the GSource.
