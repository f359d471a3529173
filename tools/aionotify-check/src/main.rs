//! `aionotify-check`: finds functions of a program's own that are left where it should call the
//! library's. `aionotify-check --help` has the options and the exit status.

mod abi;
mod archive;
mod calls;
mod components;
mod coverage;
mod debug;
mod debuglink;
mod hooks;
mod image;
mod imports;
mod judge;
mod layout;
mod library;
mod loaded;
mod lto;
mod names;
mod needed;
mod notes;
mod options;
mod reasons;
mod report;
mod sections;
mod shapes;
mod split;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

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
        for (member, data) in archive::members(file)? {
            let part = Part { file: file.clone(), member };
            let (debug, no_debug) = match debuglink::follow(&data, file) {
                Ok(debug) => (debug, None),
                Err(e) => (None, Some(e)),
            };
            parts.push((part, Bytes { data, debug, no_debug }));
        }
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
    for (_, bytes) in &parts {
        if let Ok(image) = bytes.image() {
            if image.is_relocatable() {
                together.extend(image.functions.iter().map(|f| f.stem().to_owned()));
            }
        }
    }
    let judged = parts.iter().map(|(part, bytes)| {
        let mut findings = match bytes.image() {
            Ok(image) => judge(&image, &part.file, &library, &together, &options),
            Err(e) => unreadable(&bytes.data, &e),
        };
        // Where nothing is missing, it is not needed either.
        if let Some(e) = bytes.no_debug.as_ref().filter(|_| !findings.unknown.is_empty()) {
            findings.unknown.push(e.clone().into());
        }
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
fn choose(options: &Options, parts: &[(Part, Bytes)]) -> Result<Library, String> {
    let mut libraries = Vec::new();
    for path in options.libraries()? {
        libraries.push(Library::read(&path, options.archive.as_deref())?);
    }
    let score = |library: &Library| -> (bool, usize) {
        let scores = parts.iter().filter_map(|(part, bytes)| {
            let image = bytes.image().ok().filter(|image| !image.is_relocatable())?;
            let bindings = needed::bindings(&image.file, &part.file, library, &options.folders);
            let code = calls::definitions(&image, library).1.len();
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

/// A part's bytes.
struct Bytes {
    data: Vec<u8>,
    /// The file that it has been stripped of, or why there is none.
    debug: Option<Vec<u8>>,
    no_debug: Option<String>,
}

impl Bytes {
    fn image(&self) -> Result<Image<'_>, String> {
        Image::with_debug(&self.data, self.debug.as_deref())
    }
}

fn unreadable(data: &[u8], error: &str) -> Findings {
    let text = match lto::is_bitcode(data) {
        true => "it holds code for link-time optimisation: check the linked file".to_owned(),
        false => format!("it cannot be read: {error}"),
    };
    Findings { unknown: vec![text.into()], ..Findings::default() }
}
