//! The notes in `.note.aionotify`: what a library was built for, and what a program is laid out for.

use std::fmt;

use object::Object;

use crate::image::Image;

/// The section that has them.
pub(crate) const SECTION: &str = ".note.aionotify";

/// The numbers of a note, as `struct AionotifyLayout` has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout([u32; 8]);

const NAMES: [&str; 8] = [
    "generation",
    "notify_me",
    "notified",
    "notifier",
    "sizeof(EventNotifier)",
    "rfd",
    "wfd",
    "sizeof(AioContext)",
];

impl Layout {
    /// Whether a library of this layout is the whole loop, which minds the context's size.
    pub(crate) fn is_whole_loop(&self) -> bool {
        self.0[7] != 0
    }

    /// The members of the context that every library has, and the context's size.
    pub(crate) fn of_context(&self) -> ([(&'static str, u64); 3], u64) {
        let [_, notify_me, notified, notifier, .., size] = self.0.map(u64::from);
        ([("notify_me", notify_me), ("notified", notified), ("notifier", notifier)], size)
    }

    /// The generation of loops, as `AIONOTIFY_GENERATION` has it.
    pub(crate) fn generation(&self) -> u32 {
        self.0[0]
    }

    /// The members of the notifier, and its size.
    pub(crate) fn of_notifier(&self) -> ([(&'static str, u64); 2], u64) {
        let [.., size, rfd, wfd, _] = self.0.map(u64::from);
        ([("rfd", rfd), ("wfd", wfd)], size)
    }

    /// How a program's layout differs from the library's, if it does.
    pub(crate) fn difference(&self, library: &Self) -> Option<String> {
        let mut differing = Vec::new();
        for (index, name) in NAMES.iter().enumerate() {
            let (theirs, ours) = (self.0[index], library.0[index]);
            let minds = index != 7 || library.is_whole_loop();
            if minds && theirs != ours {
                differing.push(format!("{name} {theirs}, in the library {ours}"));
            }
        }
        (!differing.is_empty()).then(|| differing.join("; "))
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [generation, notify_me, notified, notifier, ..] = self.0;
        write!(f, "{generation}: notify_me@{notify_me} notified@{notified} notifier@{notifier}")
    }
}

/// The layouts in a file: of libraries that are linked in, and of the program.
#[derive(Default, Debug)]
pub(crate) struct Notes {
    pub(crate) libraries: Vec<Layout>,
    pub(crate) programs: Vec<Layout>,
}

impl Notes {
    pub(crate) fn read(image: &Image<'_>) -> Self {
        let mut notes = Self::default();
        let data = image.section(SECTION).unwrap_or_default();
        let little = image.file.is_little_endian();
        let word = |at: usize| -> Option<u32> {
            let bytes: [u8; 4] = data.get(at..at + 4)?.try_into().ok()?;
            Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
        };
        let padded = |size: u32| (size as usize + 3) & !3;
        let mut at = 0;
        while let (Some(name), Some(size), Some(kind)) = (word(at), word(at + 4), word(at + 8)) {
            let description = at + 12 + padded(name);
            let numbers: Option<Vec<u32>> = (0..8).map(|i| word(description + 4 * i)).collect();
            if let (Some(Ok(numbers)), 2 | 3) = (numbers.map(TryInto::try_into), kind) {
                let list = if kind == 2 { &mut notes.libraries } else { &mut notes.programs };
                list.push(Layout(numbers));
            }
            at = description + padded(size);
        }
        notes
    }
}
