//! What a library was built for: as notes in the file, and as a check.

use core::ffi::{c_char, CStr};

use super::library::Library;
use crate::abi::target::AionotifyLayout;
use crate::layout::{GENERATION, NOTIFIED, NOTIFIER, NOTIFIER_SIZE, NOTIFY_ME, RFD, WFD};

/// Room for the text, which ends at the first 0.
const SIZE: usize = 96;

/// An ELF note: three words, the owner's name, the description.
#[repr(C, align(4))]
pub struct Note<T> {
    name_size: u32,
    description_size: u32,
    kind: u32,
    /// Padded to a multiple of 4, as the description is.
    name: [u8; 12],
    description: T,
}

impl<T> Note<T> {
    const fn new(kind: u32, description: T) -> Self {
        Self {
            name_size: 10,
            description_size: size_of::<T>() as u32,
            kind,
            name: *b"aionotify\0\0\0",
            description,
        }
    }
}

/// The text, in a note of type 1.
pub type TextNote = Note<[u8; SIZE]>;

/// The layout, in a note of type 2. A program's own is of type 3.
pub type LayoutNote = Note<AionotifyLayout>;

impl TextNote {
    /// The note of this build.
    pub const fn of_this_build() -> Self {
        let text = Text::new()
            .word("qemu-")
            .word(GENERATION)
            .word(" notify_me@")
            .number(NOTIFY_ME)
            .word(" notified@")
            .number(NOTIFIED)
            .word(" notifier@")
            .number(NOTIFIER);
        Self::new(1, text.bytes)
    }

    /// The text as a C string.
    pub const fn text(&'static self) -> *const c_char {
        self.description.as_ptr().cast()
    }
}

impl LayoutNote {
    /// The note of this build, for a library that minds the size of the context, or with 0 does not.
    pub const fn of_this_build(context_size: usize) -> Self {
        let generation = match GENERATION.as_bytes() {
            b"2.4" => 24,
            b"5.2" => 52,
            _ => panic!("a generation of loops"),
        };
        let layout = AionotifyLayout {
            generation,
            notify_me: NOTIFY_ME as u32,
            notified: NOTIFIED as u32,
            notifier: NOTIFIER as u32,
            notifier_size: NOTIFIER_SIZE as u32,
            rfd: RFD as u32,
            wfd: WFD as u32,
            context_size: context_size as u32,
        };
        Self::new(2, layout)
    }
}

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

/// Compares a program's layout with that of the library's note; aborts, with one line, if they differ.
pub fn check(library: Library, theirs: AionotifyLayout, note: &LayoutNote, text: &TextNote) {
    let ours = note.description;
    let unless_0 = |theirs| if ours.context_size == 0 { 0 } else { theirs };
    for (what, theirs, ours) in [
        ("generation", theirs.generation, ours.generation),
        ("offset of AioContext.notify_me", theirs.notify_me, ours.notify_me),
        ("offset of AioContext.notified", theirs.notified, ours.notified),
        ("offset of AioContext.notifier", theirs.notifier, ours.notifier),
        ("size of EventNotifier", theirs.notifier_size, ours.notifier_size),
        ("offset of EventNotifier.rfd", theirs.rfd, ours.rfd),
        ("offset of EventNotifier.wfd", theirs.wfd, ours.wfd),
        ("size of AioContext", unless_0(theirs.context_size), ours.context_size),
    ] {
        if theirs != ours {
            differs(library, what, theirs, ours, text);
        }
    }
}

#[cold]
fn differs(library: Library, what: &str, theirs: u32, ours: u32, text: &TextNote) -> ! {
    let target = CStr::from_bytes_until_nul(&text.description).unwrap_or_default();
    library.misuse(format_args!(
        "AIONOTIFY_CHECK_LAYOUT: {what}: {theirs} in the program, {ours} in the library, which is \
         for {}",
        target.to_str().unwrap_or_default()
    ))
}
