//! Object files that hold a compiler's own code for link-time optimisation.

use object::{Object, ObjectSection};

use crate::image::Image;

/// What such a file holds.
pub(crate) struct Lto {
    /// The functions that it defines, where that can be seen.
    pub(crate) defined: Vec<String>,
}

/// Whether the bytes are clang's: not an ELF file at all.
pub(crate) fn is_bitcode(data: &[u8]) -> bool {
    data.starts_with(b"BC\xc0\xde") || data.starts_with(&[0xde, 0xc0, 0x17, 0x0b])
}

/// What GCC has left in an object file for link-time optimisation.
pub(crate) fn read(image: &Image<'_>) -> Option<Lto> {
    let mut sections = image.file.sections().filter_map(|section| {
        let name = section.name().ok()?;
        name.starts_with(".gnu.lto_").then(|| (name.to_owned(), section))
    });
    let first = sections.next()?;
    let mut defined = Vec::new();
    for (name, section) in std::iter::once(first).chain(sections) {
        // `.gnu.lto_.symtab.HASH`; not `.gnu.lto_.ext_symtab.HASH`.
        if name.starts_with(".gnu.lto_.symtab") {
            defined.extend(definitions(section.data().unwrap_or_default()));
        }
    }
    Some(Lto { defined })
}

/// Entries of a name and a comdat's name, each up to a 0, and then fourteen bytes: kind, visibility,
/// size, slot. Kinds 0 and 1 are definitions.
fn definitions(mut data: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(end) = data.iter().position(|byte| *byte == 0) {
        let name = String::from_utf8_lossy(&data[..end]).into_owned();
        data = &data[end + 1..];
        let Some(end) = data.iter().position(|byte| *byte == 0) else { break };
        data = &data[end + 1..];
        let Some((entry, rest)) = data.split_at_checked(14) else { break };
        if entry[0] <= 1 {
            names.push(name);
        }
        data = rest;
    }
    names
}
