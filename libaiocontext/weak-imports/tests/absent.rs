//! A program that has none of the functions: it links, and gets the defaults.

use aio_notify::abi::QEMUClockType;
use aiocontext_weak_imports as program;

#[test]
fn a_program_that_lacks_them_all_gets_the_defaults() {
    assert!(program::set_fd_handler().is_none());
    assert!(program::coroutine_self().is_none());
    assert!(program::main_context().is_none());
    assert!(program::cpu_get_clock().is_none());
    assert!(program::cpu_get_icount().is_none());
    assert!(!program::in_coroutine());
    assert!(!program::use_icount());
    program::notify_event();
    program::clock_warp(QEMUClockType::QEMU_CLOCK_VIRTUAL);
    let mut error: *mut aio_notify::abi::opaque::Error = core::ptr::null_mut();
    // SAFETY: `error` may be written.
    unsafe { program::error_set_errno(Some((&mut error).into()), 1, c"unsaid") };
    assert!(error.is_null());
}
