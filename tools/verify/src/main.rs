//! `verify [--list] [--write FILE] [WORDS]`: runs the proofs and checks of what the libraries
//! claim, and prints a table of them: claim, tool, result, what was explored, time.
//!
//! With WORDS only the rows that contain them in tool or claim are run. `--list` names the rows and
//! runs none. `--write` writes the table, without the times, to a file: `target/VERIFICATION.md`.
//!
//! A planted fault is a row too: its result is what noticed it. Exit status 1 if a claim fails or a
//! fault goes unnoticed.

mod full;
mod loom;
mod mutants;
mod planted;
mod row;
mod run;
mod spin;
mod suites;
mod summary;
mod weaken;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, thread};

use row::{Check, Row};

/// What a check needs to know.
pub(crate) struct Place {
    /// The top of the workspace.
    root: PathBuf,
    /// A folder for what is built on the way.
    scratch: PathBuf,
    /// Where the libraries are installed.
    prefix: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().expect("the tool is a folder of the workspace");
        let prefix = env::var_os("AIONOTIFY_PREFIX").map(PathBuf::from);
        let prefix = prefix.unwrap_or_else(|| root.join("target/installed"));
        Self { scratch: root.join("target/verify"), root, prefix }
    }
}

/// All rows, in the order of the table.
fn checks(place: &Place) -> Vec<Check> {
    [
        spin::checks(),
        loom::checks(),
        weaken::checks(place),
        suites::checks(),
        mutants::checks(),
        full::checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    let (mut list, mut write, mut words) = (false, None, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--list" => list = true,
            "--write" => write = arguments.next(),
            _ => words.push(argument),
        }
    }
    let words = words.join(" ");
    let place = Place::new();
    let checks = checks(&place);
    let wanted: Vec<&Check> = checks.iter().filter(|check| check.has(&words)).collect();
    if list {
        wanted.iter().for_each(|check| println!("{}: {}", check.tool, check.claim));
        return ExitCode::SUCCESS;
    }

    fs::create_dir_all(&place.scratch).expect("the target folder can be written");
    println!("{}", row::heading());
    let rows = run(&wanted, &place);
    let failed = rows.iter().filter(|row| !row.outcome.good).count();
    // The test runners' own closing line, which tools that read logs know.
    println!("{} passed, {failed} failed", rows.len() - failed);
    if rows.is_empty() {
        println!("no row contains: {words}");
    }
    if let Some(file) = write {
        let path = place.root.join(&file);
        let old = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, row::document(&checks, &rows, &old)).expect("the document can be written");
        println!("written to {file}");
    }
    // Last, where a log that is cut still shows it.
    for row in rows.iter().filter(|row| !row.outcome.good) {
        println!("failed: {}", row.printed());
    }
    ExitCode::from(u8::from(failed > 0 || rows.is_empty()))
}

/// Runs the rows, and prints each when it ends. The model checkers' rows come first, the two tools beside
/// each other: nothing in them depends on how fast they run.
fn run(wanted: &[&Check], place: &Place) -> Vec<Row> {
    let run_if = |is_wanted: &dyn Fn(&Check) -> bool| {
        let run = |check: &&Check| {
            let row = check.run(place);
            println!("{}", row.printed());
            row
        };
        wanted.iter().filter(|check| is_wanted(check)).map(run).collect::<Vec<_>>()
    };
    let (spin, loom) = thread::scope(|scope| {
        let spin = scope.spawn(|| run_if(&|check| check.tool == "Spin"));
        let loom = run_if(&|check| check.tool == "loom");
        (spin.join().expect("a row panics"), loom)
    });
    let rest = run_if(&|check| !["Spin", "loom"].contains(&check.tool));
    [spin, loom, rest].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_replaces_a_text_that_its_file_has_once() {
        let root = Place::new().root;
        for fault in mutants::faults().chain(full::faults()).chain(suites::faults()) {
            let text = fs::read_to_string(root.join(fault.file)).expect(fault.file);
            assert_eq!(text.matches(fault.from).count(), 1, "{}: {}", fault.file, fault.from);
        }
    }

    #[test]
    fn rows_have_names_of_their_own() {
        let mut names: Vec<String> =
            checks(&Place::new()).iter().map(|c| format!("{}: {}", c.tool, c.claim)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
