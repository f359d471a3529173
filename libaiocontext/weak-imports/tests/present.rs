//! A program that has the functions: they are the ones that are called.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};

use aio_notify::abi::aio::IOHandler;
use aio_notify::abi::opaque::Error;
use aio_notify::abi::{AioContext, QEMUClockType};
use aiocontext_weak_imports as program;
use program::Coroutine;

static CALLS: AtomicUsize = AtomicUsize::new(0);

fn called() {
    CALLS.fetch_add(1, Relaxed);
}

/// Whether `f` called one function of the program's.
fn calls(f: impl FnOnce()) -> bool {
    let before = CALLS.load(Relaxed);
    f();
    CALLS.load(Relaxed) == before + 1
}

#[no_mangle]
static use_icount: AtomicI32 = AtomicI32::new(1);

#[no_mangle]
extern "C" fn cpu_get_clock() -> i64 {
    11
}
#[no_mangle]
extern "C" fn cpu_get_icount() -> i64 {
    22
}
#[no_mangle]
extern "C" fn qemu_clock_warp(clock: QEMUClockType) {
    assert_eq!(clock, QEMUClockType::QEMU_CLOCK_HOST);
    called();
}
#[no_mangle]
extern "C" fn qemu_notify_event() {
    called();
}
#[no_mangle]
extern "C" fn qemu_coroutine_self() -> *mut Coroutine {
    0x10 as *mut Coroutine
}
#[no_mangle]
extern "C" fn qemu_coroutine_enter(coroutine: *mut Coroutine, opaque: *mut c_void) {
    assert_eq!(coroutine as usize, 0x10);
    assert!(opaque.is_null());
    called();
}
#[no_mangle]
extern "C" fn qemu_coroutine_yield() {
    called();
}
#[no_mangle]
extern "C" fn qemu_in_coroutine() -> bool {
    true
}
#[no_mangle]
extern "C" fn qemu_get_aio_context() -> *mut AioContext {
    0x20 as *mut AioContext
}
#[no_mangle]
extern "C" fn qemu_set_fd_handler(fd: c_int, _: IOHandler, _: IOHandler, _: *mut c_void) {
    assert_eq!(fd, 7);
    called();
}
/// Not variadic, which stable Rust cannot define; the fifth argument is where it would be.
#[no_mangle]
unsafe extern "C" fn error_set_errno(
    errp: *mut *mut Error,
    os_error: c_int,
    _class: c_int,
    format: *const c_char,
    message: *const c_char,
) {
    assert_eq!(os_error, 24);
    // SAFETY: a C string, as the caller's contract says.
    assert_eq!(unsafe { CStr::from_ptr(format) }, c"%s");
    // SAFETY: a C string, as the caller's contract says.
    assert_eq!(unsafe { CStr::from_ptr(message) }, c"said");
    // SAFETY: `errp` may be written.
    unsafe { *errp = 0x30 as *mut Error };
}

#[test]
fn a_program_that_has_them_is_called() {
    assert!(program::use_icount());
    use_icount.store(0, Relaxed);
    assert!(!program::use_icount());
    assert_eq!(program::cpu_get_clock(), Some(11));
    assert_eq!(program::cpu_get_icount(), Some(22));
    assert!(calls(|| program::clock_warp(QEMUClockType::QEMU_CLOCK_HOST)));
    assert!(calls(program::notify_event));
    assert!(program::in_coroutine());
    let current = program::coroutine_self().unwrap();
    // SAFETY: the functions above only count.
    assert!(calls(|| unsafe { program::coroutine_enter(current) }));
    // SAFETY: the functions above only count.
    assert!(calls(|| assert!(unsafe { program::coroutine_yield() })));
    assert_eq!(program::main_context().unwrap().as_ptr() as usize, 0x20);
    // SAFETY: the function above only counts.
    assert!(calls(|| unsafe {
        program::set_fd_handler().unwrap()(7, None, None, std::ptr::null_mut())
    }));
    let mut error = std::ptr::null_mut();
    // SAFETY: `error` may be written.
    unsafe { program::error_set_errno(Some(NonNull::from(&mut error)), 24, c"said") };
    assert_eq!(error as usize, 0x30);
}
