//! The command line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive;
use crate::image::Image;

pub(crate) const USAGE: &str = "\
usage: aionotify-check [OPTION]... FILE...
Does a program, shared library, object file or archive still run functions of its own where it should
call the library's? Names every definition that is left, and every call that escapes the library:
to that definition, inlined from it, or bound to another library.

  -l LIBRARY   the shared library that is meant to be called; by default that of pkg-config aionotify,
               or of aiocontext where a FILE has that one or the other is not installed
  -a ARCHIVE   the static one, to know its code in a program by; by default beside LIBRARY
  -L FOLDER    where to look for shared libraries that FILE needs; may be repeated
  -t FILE      an archive or object without debugging information whose functions are known to be none
               of the program's, such as libc.a in a static program, or a linker script of such; may be
               repeated
  --own LIST   the components that are meant to be the program's own, such as timer,posix, or none: that
               another one is, or one of these is not, is status 1
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
    /// The components that are to be the program's own.
    pub(crate) own: Option<BTreeSet<String>>,
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
                "--own" => options.own = Some(list(&value()?)),
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

    /// The libraries that may be meant: the one that is named, or those that pkg-config knows.
    pub(crate) fn libraries(&self) -> Result<Vec<PathBuf>, String> {
        if let Some(library) = &self.library {
            return Ok(vec![library.clone()]);
        }
        let libraries: Vec<PathBuf> =
            ["aionotify", "aiocontext"].into_iter().filter_map(installed).collect();
        if libraries.is_empty() {
            let text =
                "pkg-config knows neither aionotify nor aiocontext; name the library with -l";
            return Err(text.to_owned());
        }
        Ok(libraries)
    }
}

/// The shared library of a package, if pkg-config knows it.
fn installed(package: &str) -> Option<PathBuf> {
    let tool = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(tool).args(["--variable=libdir", package]).output().ok()?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!folder.is_empty()).then(|| Path::new(&folder).join(format!("lib{package}.so")))
}

/// Names with commas between them; `none` is none.
fn list(words: &str) -> BTreeSet<String> {
    words.split(',').filter(|word| !word.is_empty() && *word != "none").map(str::to_owned).collect()
}

/// The functions that an archive or an object file defines, or what a linker script names.
fn functions(path: &Path) -> Result<Vec<String>, String> {
    let name = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let mut functions = Vec::new();
    for (member, data) in archive::scripted(path)? {
        match (Image::parse(&data), member) {
            (Ok(image), _) => functions.extend(image.functions.into_iter().map(|f| f.name)),
            // A member need not be code.
            (Err(_), Some(_)) => {}
            (Err(e), None) => return Err(name(&e)),
        }
    }
    Ok(functions)
}
