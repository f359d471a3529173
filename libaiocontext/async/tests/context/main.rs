//! The async component with a program's own other components, as a program would link it.

mod components;

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use aio_notify::abi::opaque::{Error, QEMUBH};
use aio_notify::abi::AioContext;
use aiocontext_async::*;
use components::*;

/// The tests count calls and descriptors of the whole process, so only one runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    // SAFETY: takes a number. A test that hangs is ended.
    unsafe { libc::alarm(60) };
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A context that the test owns.
struct Context(*mut AioContext);

// SAFETY: the functions that the tests call in other threads are for any thread.
unsafe impl Sync for Context {}

impl Context {
    fn new() -> Self {
        // SAFETY: NULL is allowed.
        let ctx = unsafe { aio_context_new(ptr::null_mut()) };
        assert!(!ctx.is_null());
        Self(ctx)
    }

    fn bh(&self, runs: &AtomicUsize) -> *mut QEMUBH {
        unsafe extern "C" fn count(runs: *mut c_void) {
            // SAFETY: the counter, which lives as long as the context.
            unsafe { &*runs.cast::<AtomicUsize>() }.fetch_add(1, SeqCst);
        }
        // SAFETY: a live context.
        unsafe { aio_bh_new(self.0, Some(count), ptr::from_ref(runs).cast_mut().cast()) }
    }

    fn fd(&self) -> c_int {
        // SAFETY: a live context.
        unsafe { (*self.0).notifier.rfd }
    }

    fn readable(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    fn notify_me(&self) -> &AtomicU32 {
        // SAFETY: a live context.
        let word = unsafe { &raw mut (*self.0).notify_me };
        // SAFETY: accessed atomically by all.
        unsafe { AtomicU32::from_ptr(word) }
    }

    fn timeout(&self) -> i64 {
        // SAFETY: a live context.
        unsafe { aio_compute_timeout(self.0) }
    }

    fn poll(&self) -> c_int {
        // SAFETY: a live context.
        unsafe { aio_bh_poll(self.0) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the test's reference.
        unsafe { aio_context_unref(self.0) };
    }
}

fn open(fd: c_int) -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

#[test]
fn the_last_reference_takes_everything_down_once() {
    let _alone = alone();
    let counts = || {
        [
            (LOCK_INIT.count(), LOCK_DESTROY.count()),
            (TIMERS_INIT.count(), TIMERS_DEINIT.count()),
            (HANDLER_SET.count(), HANDLER_REMOVED.count()),
            (POOL_NEW.count(), POOL_FREE.count()),
        ]
    };
    let before = counts();
    let ctx = Context::new();
    let fd = ctx.fd();
    assert!(open(fd));
    // SAFETY: a live context.
    let pool = unsafe { aio_get_thread_pool(ctx.0) };
    // SAFETY: a live context.
    assert_eq!(pool, unsafe { aio_get_thread_pool(ctx.0) });
    let runs = AtomicUsize::new(0);
    for n in 0..10 {
        let bh = ctx.bh(&runs);
        if n % 2 == 0 {
            // SAFETY: live.
            unsafe { qemu_bh_schedule(bh) };
        }
        if n % 3 == 0 {
            // SAFETY: live.
            unsafe { qemu_bh_delete(bh) };
        }
    }
    // SAFETY: a live context.
    unsafe { aio_context_ref(ctx.0) };
    // SAFETY: a live context.
    let source = unsafe { aio_get_g_source(ctx.0) };
    assert_eq!(source.cast(), ctx.0);
    for _ in 0..2 {
        // SAFETY: the references taken above.
        unsafe { aio_context_unref(ctx.0) };
    }
    assert!(open(fd));
    drop(ctx);
    assert!(!open(fd));
    assert_eq!(runs.into_inner(), 0);
    for ((made, gone), (made_before, gone_before)) in counts().into_iter().zip(before) {
        assert_eq!((made, gone), (made_before + 1, gone_before + 1));
    }
}

static REPORTED: AtomicUsize = AtomicUsize::new(0);

/// The program's. Not variadic, which stable Rust cannot define.
#[no_mangle]
unsafe extern "C" fn error_set_errno(
    errp: *mut *mut Error,
    os_error: c_int,
    _class: c_int,
    _format: *const c_char,
    message: *const c_char,
) {
    // SAFETY: a C string.
    let message = unsafe { std::ffi::CStr::from_ptr(message) };
    assert_eq!(message, c"Failed to initialize event notifier");
    assert_eq!(os_error, libc::EMFILE);
    REPORTED.fetch_add(1, SeqCst);
    // SAFETY: may be written.
    unsafe { *errp = 0x10 as *mut Error };
}

#[test]
fn without_descriptors_there_is_no_context_and_no_leak() {
    let _alone = alone();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: room for the limits.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    // SAFETY: takes a number; the next free descriptor.
    let next = unsafe { libc::dup(0) };
    // SAFETY: opened above.
    unsafe { libc::close(next) };
    let none = libc::rlimit { rlim_cur: next as libc::rlim_t, ..limit };
    let (set_up, reported) = (LOCK_INIT.count(), REPORTED.load(SeqCst));
    // SAFETY: valid limits.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) };
    let mut error: *mut Error = ptr::null_mut();
    // SAFETY: `error` may be written.
    let with = unsafe { aio_context_new(&mut error) };
    let errno = errno::errno();
    // SAFETY: NULL is allowed.
    let without = unsafe { aio_context_new(ptr::null_mut()) };
    // SAFETY: valid limits.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert!(with.is_null() && without.is_null());
    assert_eq!(errno.0, libc::EMFILE);
    assert_eq!(error as usize, 0x10);
    assert_eq!(REPORTED.load(SeqCst), reported + 1);
    assert_eq!(LOCK_INIT.count(), set_up);
    // SAFETY: takes a number.
    let now = unsafe { libc::dup(0) };
    assert_eq!(now, next, "a descriptor has been left open");
    // SAFETY: opened above.
    unsafe { libc::close(now) };
}

#[test]
fn the_timeout_is_the_soonest_of_bottom_halves_and_timers() {
    let _alone = alone();
    let ctx = Context::new();
    let runs = AtomicUsize::new(0);
    let (urgent, idle) = (ctx.bh(&runs), ctx.bh(&runs));
    assert_eq!(ctx.timeout(), -1);
    DEADLINE.store(5, SeqCst);
    assert_eq!(ctx.timeout(), 5);
    // SAFETY: live.
    unsafe { qemu_bh_schedule_idle(idle) };
    assert_eq!(ctx.timeout(), 5);
    DEADLINE.store(20_000_000, SeqCst);
    assert_eq!(ctx.timeout(), 10_000_000);
    DEADLINE.store(-1, SeqCst);
    assert_eq!(ctx.timeout(), 10_000_000);
    // SAFETY: live.
    unsafe { qemu_bh_schedule(urgent) };
    assert_eq!(ctx.timeout(), 0);
    // SAFETY: live.
    unsafe { qemu_bh_cancel(urgent) };
    assert_eq!(ctx.timeout(), 10_000_000);
    assert_eq!(ctx.poll(), 0, "an idle one is no progress");
    assert_eq!((ctx.timeout(), runs.load(SeqCst)), (-1, 1));
    // SAFETY: live.
    unsafe { qemu_bh_schedule(urgent) };
    assert_eq!(ctx.poll(), 1);
    assert_eq!(ctx.timeout(), -1);
}

#[test]
fn scheduling_wakes_a_sleeping_loop() {
    let _alone = alone();
    let ctx = Context::new();
    let runs = AtomicUsize::new(0);
    let (bh, idle) = (ctx.bh(&runs), ctx.bh(&runs));
    // SAFETY: live.
    unsafe { qemu_bh_schedule(bh) };
    assert!(!ctx.readable(), "nobody sleeps");
    ctx.poll();
    ctx.notify_me().store(2, SeqCst);
    // SAFETY: live.
    unsafe { qemu_bh_schedule_idle(idle) };
    assert!(ctx.readable(), "a loop that sleeps without a timeout would not run it within 10 ms");
    // SAFETY: a live context.
    unsafe { aio_notify_accept(ctx.0) };
    assert!(!ctx.readable());
    // SAFETY: live.
    unsafe { qemu_bh_schedule(bh) };
    assert!(ctx.readable());
    // SAFETY: a live context.
    unsafe { aio_notify_accept(ctx.0) };
    assert!(!ctx.readable());
    // SAFETY: live.
    unsafe { qemu_bh_schedule(bh) };
    assert!(
        ctx.readable(),
        "the thread that scheduled it before may have stopped before it notified"
    );
    ctx.poll();
    // Timers and those who wait for the lock wake it too.
    let (cb, opaque) = TIMER_CALLBACK.lock().unwrap().unwrap();
    // SAFETY: as the timers would call it.
    unsafe { cb.unwrap()(opaque as *mut c_void) };
    assert!(ctx.readable());
    errno::set_errno(errno::Errno(libc::ENOENT));
    // SAFETY: a live context, also with a full event.
    unsafe { aio_notify(ctx.0) };
    assert_eq!(errno::errno().0, libc::ENOENT);
    // SAFETY: a live context.
    unsafe { aio_context_acquire(ctx.0) };
    // SAFETY: a live context.
    unsafe { aio_context_release(ctx.0) };
    assert!(LOCKED.count() == UNLOCKED.count() && LOCKED.count() > 0);
}

#[test]
fn several_contexts_run_under_one_glib_loop() {
    let _alone = alone();
    // SAFETY: makes one.
    let main = unsafe { glib_sys::g_main_context_new() };
    let contexts = [Context::new(), Context::new(), Context::new()];
    let runs = [const { AtomicUsize::new(0) }; 3];
    let bhs: Vec<usize> =
        contexts.iter().zip(&runs).map(|(ctx, runs)| ctx.bh(runs) as usize).collect();
    let sources = contexts.each_ref().map(|ctx| {
        // SAFETY: a live context.
        let source = unsafe { aio_get_g_source(ctx.0) }.cast::<glib_sys::GSource>();
        // SAFETY: both are live.
        unsafe { glib_sys::g_source_attach(source, main) };
        source
    });
    for round in 1..=1000 {
        thread::scope(|scope| {
            scope.spawn(|| {
                for &bh in &bhs {
                    // SAFETY: live.
                    unsafe { qemu_bh_schedule(bh as *mut QEMUBH) };
                }
            });
            while runs.iter().any(|runs| runs.load(SeqCst) != round) {
                // SAFETY: live; sleeps until something is to be done.
                unsafe { glib_sys::g_main_context_iteration(main, 1) };
            }
        });
    }
    // An idle one has GLib return by itself.
    // SAFETY: live.
    unsafe { qemu_bh_schedule_idle(bhs[0] as *mut QEMUBH) };
    while runs[0].load(SeqCst) != 1001 {
        // SAFETY: live.
        unsafe { glib_sys::g_main_context_iteration(main, 1) };
    }
    for ctx in &contexts {
        assert_eq!(ctx.notify_me().load(SeqCst), 0, "nobody sleeps");
    }
    for source in sources {
        // SAFETY: attached above.
        unsafe { glib_sys::g_source_destroy(source) };
        // SAFETY: the reference of `aio_get_g_source`.
        unsafe { glib_sys::g_source_unref(source) };
    }
    // SAFETY: made above.
    unsafe { glib_sys::g_main_context_unref(main) };
}

#[test]
fn a_context_that_the_program_has_made_itself_is_woken_too() {
    let _alone = alone();
    let mut memory = std::mem::MaybeUninit::<AioContext>::uninit();
    let ctx = memory.as_mut_ptr();
    // SAFETY: room for one; nothing of it means anything but the three members of the protocol.
    unsafe { ptr::write_bytes(ctx, 0xa5, 1) };
    // SAFETY: a member.
    let notifier = unsafe { &raw mut (*ctx).notifier };
    // SAFETY: memory for a notifier.
    assert_eq!(unsafe { aiocontext_event_notifier::event_notifier_init(notifier, 0) }, 0);
    // SAFETY: a member.
    unsafe { (*ctx).notify_me = 2 };
    // SAFETY: a member.
    unsafe { (*ctx).notified = false };
    for _ in 0..2 {
        // SAFETY: a context of the program's.
        unsafe { aio_notify(ctx) };
        // SAFETY: an initialised notifier.
        let fd = unsafe { (*notifier).rfd };
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) }, 1);
        // SAFETY: a context of the program's.
        unsafe { aio_notify_accept(ctx) };
        // SAFETY: one pollfd.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) }, 0);
    }
    // SAFETY: initialised above.
    unsafe { aiocontext_event_notifier::event_notifier_cleanup(notifier) };
}
