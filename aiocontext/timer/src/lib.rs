//! The qemu-timer component of libaiocontext: clocks and timers.
