//! The file that a stripped program's `.gnu_debuglink` names, which has its symbols and its debugging
//! information.

use std::path::{Path, PathBuf};

use object::elf::{SHF_EXECINSTR, SHT_NOBITS};
use object::{Object, ObjectKind, ObjectSection, SectionFlags};

use crate::image::Image;

/// Its bytes, for a file that lacks symbols or debugging information; why there are none, in words.
pub(crate) fn follow(data: &[u8], path: &Path) -> Result<Option<Vec<u8>>, String> {
    let Ok(image) = Image::parse(data) else { return Ok(None) };
    let is_described = image.file.section_by_name(".debug_info").is_some();
    if image.is_relocatable() || (is_described && image.file.symbol_table().is_some()) {
        return Ok(None);
    }
    let Ok(Some((name, sum))) = image.file.gnu_debuglink() else { return Ok(None) };
    let name = String::from_utf8_lossy(name).into_owned();
    let mut stale = None;
    for candidate in candidates(&image, path, &name) {
        let Ok(data) = std::fs::read(&candidate) else { continue };
        if crc32(&data) == sum {
            return Ok(Some(data));
        }
        stale.get_or_insert(candidate);
    }
    Err(match stale {
        Some(file) => format!(
            "its symbols and debugging information are in {}, which is of another build",
            file.display()
        ),
        None => format!("its symbols and debugging information are in {name}, which is not there"),
    })
}

/// Where a debugger looks.
fn candidates(image: &Image<'_>, path: &Path, name: &str) -> Vec<PathBuf> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let global = Path::new("/usr/lib/debug");
    let mut all = vec![
        folder.join(name),
        folder.join(".debug").join(name),
        global.join(folder.strip_prefix("/").unwrap_or(folder)).join(name),
    ];
    if let Ok(Some([first, rest @ ..])) = image.file.build_id() {
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        all.push(global.join(format!(".build-id/{first:02x}/{rest}.debug")));
    }
    all
}

/// Whether a linked file is such a one itself: it has the places of the code, and no code.
pub(crate) fn is_without_code(image: &Image<'_>) -> bool {
    image.file.kind() != ObjectKind::Relocatable
        && image.file.sections().any(|section| match section.flags() {
            SectionFlags::Elf { sh_flags, sh_type } => {
                sh_flags.contains(SHF_EXECINSTR) && sh_type == SHT_NOBITS
            }
            _ => false,
        })
}

/// The checksum of `.gnu_debuglink`.
fn crc32(data: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (index, entry) in (0_u32..).zip(&mut table) {
        *entry = (0..8).fold(index, |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)));
    }
    !data.iter().fold(!0, |crc, byte| (crc >> 8) ^ table[usize::from(crc as u8 ^ byte)])
}
