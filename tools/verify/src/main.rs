//! `verify [--write] [PART...]`: runs the proofs and checks of what the wakeup protocol claims, and
//! prints a table of them: claim, tool, result, what was explored, time.
//!
//! A planted fault is a row too: its result is what noticed it. With `--write` the table also goes
//! to `docs/VERIFICATION.md`. Exit status 1 if a claim fails or a fault goes unnoticed.

mod loom;
mod planted;
mod row;
mod run;
mod spin;
mod suites;
mod weaken;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use row::Row;

/// What a part of the verification needs to know.
pub(crate) struct Place {
    /// The top of the workspace.
    root: PathBuf,
    /// A folder for what is built on the way.
    scratch: PathBuf,
}

type Part = (&'static str, fn(&Place, &mut dyn FnMut(Row)));

/// The parts, in the order of the table.
const PARTS: &[Part] =
    &[("spin", spin::run), ("loom", loom::run), ("weaken", weaken::run), ("suites", suites::run)];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let wanted: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let write = arguments.iter().any(|word| word == "--write");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("the tool is a folder of the workspace");
    let scratch = root.join("target/verify");
    fs::create_dir_all(&scratch).expect("the target folder can be written");
    let place = Place { root, scratch };

    let mut rows = Vec::new();
    println!("{}", row::heading());
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            part(&place, &mut |row: Row| {
                println!("{}", row.line());
                rows.push(row);
            });
        }
    }
    let failed = rows.iter().filter(|row| !row.good).count();
    // The runners' own closing line, which tools that read logs know.
    println!("{} passed, {failed} failed", rows.len() - failed);
    if write && wanted.is_empty() && failed == 0 {
        let path = place.root.join("docs/VERIFICATION.md");
        fs::create_dir_all(place.root.join("docs")).expect("the folder can be made");
        fs::write(&path, row::document(&rows)).expect("the document can be written");
        println!("written to {}", path.display());
    }
    ExitCode::from(u8::from(failed > 0 || rows.is_empty()))
}
