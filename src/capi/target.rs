//! What the library was built for: as a string, as notes in the file, and as a check. Both libraries
//! compile this file.

use core::ffi::c_char;

use aio_notify::abi::target::AionotifyLayout;
use aio_notify::ffi::target::{self, LayoutNote, TextNote};

use super::{CONTEXT_SIZE, LIBRARY};

/// Found by `readelf -n` and by `aionotify-check`, in the shared library and in a program that is
/// linked with the static one.
// `used`: in a program nothing else may refer to it.
#[used]
#[cfg_attr(not(target_vendor = "apple"), link_section = ".note.aionotify")]
static TEXT: TextNote = TextNote::of_this_build();

/// The same in numbers.
#[used]
#[cfg_attr(not(target_vendor = "apple"), link_section = ".note.aionotify")]
static LAYOUT: LayoutNote = LayoutNote::of_this_build(CONTEXT_SIZE);

/// Returns what the library was built for: the generation of loops, and the offsets in bytes of the
/// AioContext members that it uses. The library file has the same string in a note, which `readelf
/// -x .note.aionotify` shows.
///
/// # Returns
///
/// A string such as `qemu-2.4 notify_me@236 notified@292 notifier@296`, valid for the lifetime of
/// the library. `qemu-2.4` stands for loops up to QEMU 5.1, `qemu-5.2` for 5.2 and later.
///
/// # Threads
///
/// Any thread and signal handlers.
#[no_mangle]
pub extern "C" fn aionotify_target() -> *const c_char {
    TEXT.text()
}

/// Compares the program's layout with the library's. `AIONOTIFY_CHECK_LAYOUT()` calls it with the
/// program's own generation, offsets and sizes.
///
/// # Errors
///
/// If a number differs, the function logs a line to stderr that names it, with the program's value
/// and the library's, and aborts. The generation is that of the header `aionotify/target.h` that
/// the program was compiled with.
///
/// # Threads
///
/// Any thread.
///
/// # Safety
///
/// `program` must not be NULL (aborts) and must point to an AionotifyLayout.
#[no_mangle]
pub unsafe extern "C" fn aionotify_check_layout(program: *const AionotifyLayout) {
    let program = LIBRARY.not_null(program.cast_mut(), "aionotify_check_layout", "program");
    // SAFETY: a layout, by this function's contract.
    let program = unsafe { program.read() };
    target::check(LIBRARY, program, &LAYOUT, &TEXT);
}
