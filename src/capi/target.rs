//! What the library was built for: as a string, as a note in the file, and as a check.

use core::ffi::{c_char, CStr};

use super::message::say;
use crate::layout::{GENERATION, NOTIFIED, NOTIFIER, NOTIFIER_SIZE, NOTIFY_ME};

/// Room for the text; what is not used stays 0 and ends it.
const SIZE: usize = 96;

/// An ELF note: three words, the owner's name, the description.
#[repr(C, align(4))]
struct Note {
    name_size: u32,
    description_size: u32,
    kind: u32,
    /// Padded to a multiple of 4, as the description is.
    name: [u8; 12],
    description: [u8; SIZE],
}

/// Found by `readelf -n` and by `tools/aionotify-check`, in the shared library and in a program
/// that is linked with the static one.
// `used`: in a program nothing else may refer to it.
#[used]
#[cfg_attr(not(target_vendor = "apple"), link_section = ".note.aionotify")]
static TARGET: Note = Note {
    name_size: 10,
    description_size: SIZE as u32,
    kind: 1,
    name: *b"aionotify\0\0\0",
    description: Text::new()
        .word("qemu-")
        .word(GENERATION)
        .word(" notify_me@")
        .number(NOTIFY_ME)
        .word(" notified@")
        .number(NOTIFIED)
        .word(" notifier@")
        .number(NOTIFIER)
        .bytes,
};

/// A text that is built at compile time.
struct Text {
    bytes: [u8; SIZE],
    used: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; SIZE], used: 0 }
    }

    const fn word(mut self, word: &str) -> Self {
        let word = word.as_bytes();
        let mut i = 0;
        while i < word.len() {
            self.bytes[self.used] = word[i];
            self.used += 1;
            i += 1;
        }
        // The last byte ends the string.
        assert!(self.used < SIZE);
        self
    }

    const fn number(mut self, number: usize) -> Self {
        if number >= 10 {
            self = self.number(number / 10);
        }
        self.bytes[self.used] = b'0' + (number % 10) as u8;
        self.used += 1;
        assert!(self.used < SIZE);
        self
    }
}

/// Returns what this library was built for: the loop's generation, and the offsets in bytes of the
/// AioContext's fields that it touches.
///
/// Such as `qemu-2.4 notify_me@236 notified@292 notifier@296`. The string lives as long as the
/// library. Any thread and signal handlers.
#[no_mangle]
pub extern "C" fn aionotify_target() -> *const c_char {
    TARGET.description.as_ptr().cast::<c_char>()
}

/// Compares the program's layout of AioContext with the library's; `AIONOTIFY_CHECK_LAYOUT()` calls
/// it with the program's own `offsetof` and `sizeof`, in bytes.
///
/// Returns if they are the same. Else one line on standard error names the field and both numbers,
/// and the program is aborted. Any thread.
#[no_mangle]
pub extern "C" fn aionotify_check_layout(
    notify_me: usize,
    notified: usize,
    notifier: usize,
    notifier_size: usize,
) {
    for (what, theirs, ours) in [
        ("offset of AioContext.notify_me", notify_me, NOTIFY_ME),
        ("offset of AioContext.notified", notified, NOTIFIED),
        ("offset of AioContext.notifier", notifier, NOTIFIER),
        ("size of EventNotifier", notifier_size, NOTIFIER_SIZE),
    ] {
        if theirs != ours {
            differs(what, theirs, ours);
        }
    }
}

#[cold]
fn differs(what: &str, theirs: usize, ours: usize) -> ! {
    // SAFETY: `aionotify_target` returns a string that ends and lives for ever.
    let target = unsafe { CStr::from_ptr(aionotify_target()) }.to_str().unwrap_or_default();
    say(format_args!(
        "AIONOTIFY_CHECK_LAYOUT: {what}: {theirs} in the program, {ours} in the library, which is \
         for {target}"
    ));
    // SAFETY: takes nothing and does not return.
    unsafe { libc::abort() }
}
