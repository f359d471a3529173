//! The command line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::read::archive::ArchiveFile;

use crate::image::Image;

pub(crate) const USAGE: &str = "\
usage: aionotify-check [OPTION]... FILE...
Does a program, shared library, object file or archive still run functions of its own where it should
call the library's? Names every definition that is left, and every call that escapes the library:
to that definition, inlined from it, or bound to another library.

  -l LIBRARY   the shared library that is meant to be called; by default that of pkg-config aionotify
  -a ARCHIVE   the static one, to know its code in a program by; by default beside LIBRARY
  -L FOLDER    where to look for shared libraries that FILE needs; may be repeated
  -t FILE      an archive or object without debugging information whose functions are known to be none
               of the program's, such as libc.a in a static program; may be repeated
  --json       prints one object of JSON

Exit status: 0 nothing escapes, 1 something does, 2 it cannot be told.
";

#[derive(Default)]
pub(crate) struct Options {
    library: Option<PathBuf>,
    pub(crate) archive: Option<PathBuf>,
    pub(crate) folders: Vec<PathBuf>,
    /// Functions of files that are trusted.
    pub(crate) trusted: BTreeSet<String>,
    pub(crate) json: bool,
    pub(crate) files: Vec<PathBuf>,
}

impl Options {
    /// Reads the command line; `None` if the usage is asked for.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        let mut only_files = false;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"));
            match &*word {
                _ if only_files => options.files.push(word.into()),
                "--" => only_files = true,
                "-h" | "--help" => return Ok(None),
                "--json" => options.json = true,
                "-l" => options.library = Some(value()?.into()),
                "-a" => options.archive = Some(value()?.into()),
                "-L" => options.folders.push(value()?.into()),
                "-t" => {
                    let file = PathBuf::from(value()?);
                    options.trusted.extend(functions(&file)?);
                }
                _ if word.starts_with('-') => return Err(format!("no option {word}\n{USAGE}")),
                _ => options.files.push(word.into()),
            }
        }
        if options.files.is_empty() {
            return Err(format!("no file\n{USAGE}"));
        }
        Ok(Some(options))
    }

    /// The library that is meant.
    pub(crate) fn library(&self) -> Result<PathBuf, String> {
        if let Some(library) = &self.library {
            return Ok(library.clone());
        }
        let tool = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
        let output = Command::new(tool).args(["--variable=libdir", "aionotify"]).output();
        let folder = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        match folder.unwrap_or_default() {
            empty if empty.is_empty() => {
                Err("pkg-config knows no aionotify; name the library with -l".to_owned())
            }
            folder => Ok(Path::new(&folder).join("libaionotify.so")),
        }
    }
}

/// The functions that an archive or an object file defines.
fn functions(path: &Path) -> Result<Vec<String>, String> {
    let name = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let data = std::fs::read(path).map_err(|e| name(&e))?;
    let names = |image: Image<'_>| image.functions.into_iter().map(|function| function.name);
    if !data.starts_with(b"!<") {
        return Ok(names(Image::parse(&data).map_err(|e| name(&e))?).collect());
    }
    let archive = ArchiveFile::parse(&*data).map_err(|e| name(&e))?;
    let members = archive.members().flatten().filter_map(|member| member.data(&*data).ok());
    Ok(members.filter_map(|data| Image::parse(data).ok()).flat_map(names).collect())
}
