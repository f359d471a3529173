//! The sections of debugging information, decompressed and relocated.

use std::collections::HashMap;
use std::rc::Rc;

use gimli::{EndianRcSlice, RunTimeEndian};
use object::{
    File, Object, ObjectSection, ObjectSymbol, RelocationKind, RelocationTarget, Section,
    SectionIndex,
};

use crate::image::Image;

pub(crate) type Reader = EndianRcSlice<RunTimeEndian>;

/// Why debugging information cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

impl From<gimli::Error> for Unreadable {
    fn from(e: gimli::Error) -> Self {
        Self(e.to_string())
    }
}

impl From<String> for Unreadable {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A section's data, empty where there is none. An object file has several of a name where each is in a
/// group of its own (-fdebug-types-section); the linker would put them one behind the other.
pub(crate) fn load(image: &Image<'_>, name: Option<&str>) -> Result<Reader, Unreadable> {
    let endian = endian(image);
    let Some(name) = name else { return Ok(Reader::new(Rc::from([]), endian)) };
    let mut all = Vec::new();
    let file = image.described();
    for section in file.sections().filter(|section| plain_name(section).as_deref() == Some(name)) {
        let data = section.uncompressed_data().map_err(|e| format!("{name}: {e}"))?;
        let mut data = data.into_owned();
        if image.is_relocatable() {
            relocate(image, &section, &mut data)?;
        }
        all.extend(data);
    }
    Ok(Reader::new(Rc::from(all), endian))
}

/// Where each section starts in what `load` makes of all that have its name.
pub(crate) fn debug_places(file: &File<'_>) -> HashMap<SectionIndex, u64> {
    let mut sizes: HashMap<String, u64> = HashMap::new();
    let mut places = HashMap::new();
    for section in file.sections() {
        let Some(name) = plain_name(&section).filter(|name| name.starts_with(".debug_")) else {
            continue;
        };
        let end = sizes.entry(name).or_default();
        places.insert(section.index(), *end);
        *end += section.compressed_data().map_or(0, |data| data.uncompressed_size);
    }
    places
}

/// The name of a section, without what old compilers mark compressed ones with.
fn plain_name(section: &Section<'_, '_>) -> Option<String> {
    let name = section.name().ok()?;
    Some(match name.strip_prefix(".zdebug_") {
        Some(rest) => format!(".debug_{rest}"),
        None => name.to_owned(),
    })
}

pub(crate) fn endian(image: &Image<'_>) -> RunTimeEndian {
    if image.file.is_little_endian() {
        RunTimeEndian::Little
    } else {
        RunTimeEndian::Big
    }
}

/// Does the linker's work: without it all offsets and addresses of an object file are wrong.
fn relocate<'data>(
    image: &Image<'data>,
    section: &object::Section<'data, '_>,
    data: &mut [u8],
) -> Result<(), String> {
    for (at, relocation) in section.relocations() {
        let RelocationTarget::Symbol(index) = relocation.target() else { continue };
        let symbol = image.file.symbol_by_index(index).map_err(|e| e.to_string())?;
        let size = match (relocation.kind(), relocation.size()) {
            (RelocationKind::Absolute, 32) => 4,
            (RelocationKind::Absolute, 64) => 8,
            (RelocationKind::None, _) => continue,
            // An offset in thread-local storage, which is a variable's.
            _ if section.name() == Ok(".debug_info") && symbol.section_index().is_some() => {
                continue
            }
            (kind, size) => return Err(format!("an unknown relocation ({kind:?}, {size} bits)")),
        };
        let Some(bytes) = data.get_mut(at as usize..at as usize + size) else {
            return Err("a relocation behind the end of its section".to_owned());
        };
        let base = symbol.section_index().map_or(0, |index| image.place(index));
        let mut value = (base + symbol.address()).wrapping_add_signed(relocation.addend());
        let little = image.file.is_little_endian();
        if relocation.has_implicit_addend() {
            let before = match (size, little) {
                (4, true) => u64::from(u32::from_le_bytes(word(bytes)?)),
                (4, false) => u64::from(u32::from_be_bytes(word(bytes)?)),
                (_, true) => u64::from_le_bytes(word(bytes)?),
                (_, false) => u64::from_be_bytes(word(bytes)?),
            };
            value = value.wrapping_add(before);
        }
        let all = if little { value.to_le_bytes() } else { value.to_be_bytes() };
        bytes.copy_from_slice(if little { &all[..size] } else { &all[8 - size..] });
    }
    Ok(())
}

fn word<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| "a relocation of another size".to_owned())
}
