//! The rfifolock component of libaiocontext: a recursive lock, first come first served.
