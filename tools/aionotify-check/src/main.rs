//! `aionotify-check`: finds functions of a program's own that are left where it should call the
//! library's. `aionotify-check --help` has the options and the exit status.

mod abi;
mod components;
mod debug;
mod hooks;
mod image;
mod imports;
mod judge;
mod layout;
mod library;
mod lto;
mod needed;
mod notes;
mod options;
mod report;
mod sections;
mod shapes;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use object::read::archive::ArchiveFile;

use image::Image;
use judge::{judge, Findings};
use library::Library;
use options::{Options, USAGE};
use report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            say(&mut io::stderr(), &format!("aionotify-check: {}\n", e.trim_end()));
            ExitCode::from(2)
        }
    }
}

/// Writes it; a reader that has gone away, as `head` does, does not change the verdict.
fn say(to: &mut dyn Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

fn run() -> Result<u8, String> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        say(&mut io::stdout(), USAGE);
        return Ok(0);
    };
    let mut parts = Vec::new();
    for file in &options.files {
        parts.extend(read(file)?);
    }
    let library = choose(&options, &parts)?;
    for component in options.own.iter().flatten() {
        if !library.components.contains_key(component) {
            let all: Vec<&str> = library.components.keys().map(String::as_str).collect();
            return Err(format!("--own: no component {component}; there are {}", all.join(" ")));
        }
    }
    // A component may be spread over object files; its functions then belong together.
    let mut together = BTreeSet::new();
    for (_, data) in &parts {
        if let Ok(image) = Image::parse(data) {
            if image.is_relocatable() {
                together.extend(image.functions.iter().map(|f| f.stem().to_owned()));
            }
        }
    }
    let judged = parts.iter().map(|(part, data)| {
        let findings = match Image::parse(data) {
            Ok(image) => judge(&image, &part.file, &library, &together, &options),
            Err(e) => unreadable(data, &e),
        };
        (part.clone(), findings)
    });
    let report = Report::new(&library.path, judged.collect());
    if options.json {
        say(&mut io::stdout(), &report.json());
    } else {
        let (out, err) = report.lines();
        say(&mut io::stdout(), &out);
        say(&mut io::stderr(), &err);
    }
    Ok(report.status())
}

/// The library that is meant: of those that may be, the first of which the files have most.
fn choose(options: &Options, parts: &[(Part, Vec<u8>)]) -> Result<Library, String> {
    let mut libraries = Vec::new();
    for path in options.libraries()? {
        libraries.push(Library::read(&path, options.archive.as_deref())?);
    }
    let score = |library: &Library| -> (bool, usize) {
        let scores = parts.iter().filter_map(|(part, data)| {
            let image = Image::parse(data).ok().filter(|image| !image.is_relocatable())?;
            let bindings = needed::bindings(&image.file, &part.file, library, &options.folders);
            let code = judge::definitions(&image, library).1.len();
            Some((bindings.needs_ours, code))
        });
        scores.max().unwrap_or_default()
    };
    // The last of equal ones wins; a library that is alone need not be looked for.
    let chosen = match libraries.len() {
        1 => 0,
        all => (0..all).rev().max_by_key(|index| score(&libraries[*index])).unwrap_or(0),
    };
    Ok(libraries.swap_remove(chosen))
}

/// A file, or a member of one.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) file: PathBuf,
    pub(crate) member: Option<String>,
}

/// The file's bytes, or those of each member that is not a list of names.
fn read(file: &Path) -> Result<Vec<(Part, Vec<u8>)>, String> {
    let name = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    let data = std::fs::read(file).map_err(|e| name(&e))?;
    let part = |member| Part { file: file.to_owned(), member };
    if !data.starts_with(b"!<arch>\n") && !data.starts_with(b"!<thin>\n") {
        return Ok(vec![(part(None), data)]);
    }
    let archive = ArchiveFile::parse(&*data).map_err(|e| name(&e))?;
    let mut parts = Vec::new();
    for member in archive.members() {
        let member = member.map_err(|e| name(&e))?;
        let member_name = String::from_utf8_lossy(member.name()).into_owned();
        let bytes = match member.is_thin() {
            // The members of a thin archive are files of their own.
            true => {
                let path = file.parent().unwrap_or(Path::new("")).join(&member_name);
                std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?
            }
            false => member.data(&*data).map_err(|e| name(&e))?.to_vec(),
        };
        parts.push((part(Some(member_name)), bytes));
    }
    Ok(parts)
}

fn unreadable(data: &[u8], error: &str) -> Findings {
    let text = match lto::is_bitcode(data) {
        true => "it holds code for link-time optimisation: check the linked file".to_owned(),
        false => format!("it cannot be read: {error}"),
    };
    Findings { unknown: vec![text], ..Findings::default() }
}
