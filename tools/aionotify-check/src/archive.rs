//! Files as the linker takes them: one file, an archive's members, or what a linker script names.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;

/// A file's bytes, or those of an archive's member, with its name.
pub(crate) type Member = (Option<String>, Vec<u8>);

/// The file, or each member of it that is not a list of names.
pub(crate) fn members(file: &Path) -> Result<Vec<Member>, String> {
    let name = |e: &dyn Display| format!("{}: {e}", file.display());
    let data = std::fs::read(file).map_err(|e| name(&e))?;
    if !is_archive(&data) {
        return Ok(vec![(None, data)]);
    }
    let archive = ArchiveFile::parse(&*data).map_err(|e| name(&e))?;
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.map_err(|e| name(&e))?;
        let member_name = String::from_utf8_lossy(member.name()).into_owned();
        let bytes = match member.is_thin() {
            // The members of a thin archive are files of their own.
            true => {
                let path = file.parent().unwrap_or(Path::new("")).join(&member_name);
                std::fs::read(&path)
                    .map_err(|e| name(&format!("the thin archive's {}: {e}", path.display())))?
            }
            false => member.data(&*data).map_err(|e| name(&e))?.to_vec(),
        };
        members.push((Some(member_name), bytes));
    }
    Ok(members)
}

/// The same for a file that may be a linker script, as glibc's `libm.a` is.
pub(crate) fn scripted(file: &Path) -> Result<Vec<Member>, String> {
    follow(file, 0)
}

fn follow(file: &Path, depth: usize) -> Result<Vec<Member>, String> {
    let all = members(file)?;
    let inputs = match &all[..] {
        [(None, data)] => inputs(data),
        _ => Vec::new(),
    };
    if inputs.is_empty() || depth > 4 {
        return Ok(all);
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut all = Vec::new();
    for input in inputs {
        let path = match input.strip_prefix("-l") {
            Some(library) => folder.join(format!("lib{library}.a")),
            None => folder.join(&input),
        };
        // In a sysroot an absolute path is not of this machine's root.
        let beside = path.file_name().map(|name| folder.join(name));
        let path = match beside {
            Some(beside) if !path.exists() => beside,
            _ => path,
        };
        let read = follow(&path, depth + 1).map_err(|e| format!("{}: {e}", file.display()))?;
        all.extend(read);
    }
    Ok(all)
}

pub(crate) fn is_archive(data: &[u8]) -> bool {
    data.starts_with(b"!<arch>\n") || data.starts_with(b"!<thin>\n")
}

/// The files that a linker script names; none for what is no script.
fn inputs(data: &[u8]) -> Vec<String> {
    let Ok(mut rest) = std::str::from_utf8(data) else { return Vec::new() };
    let mut text = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        text += before;
        text += " ";
        rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
    }
    text += rest;
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace([',', ';', '"'], " ");
    let mut inputs = Vec::new();
    // For each open parenthesis, whether files stand in it.
    let mut open: Vec<bool> = Vec::new();
    let mut before = "";
    for word in spaced.split_whitespace() {
        match word {
            "(" => open.push(["GROUP", "INPUT", "AS_NEEDED"].contains(&before)),
            ")" => drop(open.pop()),
            "AS_NEEDED" => {}
            _ if open.last() == Some(&true) => inputs.push(word.to_owned()),
            _ => {}
        }
        before = word;
    }
    inputs
}

/// The static library beside a shared one, by its name up to `.so`.
pub(crate) fn beside(library: &Path) -> PathBuf {
    let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.split(".so").next().unwrap_or(&name);
    library.with_file_name(format!("{stem}.a"))
}
