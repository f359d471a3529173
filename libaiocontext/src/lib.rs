//! `libaiocontext.so` and `libaiocontext.a`: the components, each an object file of its own.

extern crate aiocontext_aiocb;
extern crate aiocontext_async;
extern crate aiocontext_event_notifier;
extern crate aiocontext_layout;
extern crate aiocontext_posix;
extern crate aiocontext_rfifolock;
extern crate aiocontext_thread_pool;
extern crate aiocontext_timer;
