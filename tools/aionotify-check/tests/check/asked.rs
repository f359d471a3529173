//! The tool, asked about a file, and what it answers.

use std::path::Path;
use std::process::Command;

use capi_tests::{output, prefix, Finished};

/// The tool, with these words behind the library.
pub(crate) fn run<W: AsRef<std::ffi::OsStr>>(library: &str, words: &[W]) -> Finished {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
    let library = prefix().join(format!("lib/lib{library}.so"));
    output(tool.arg("-l").arg(library).args(words))
}

/// The tool, asked about a file.
pub(crate) fn check(file: &Path) -> Finished {
    run("aionotify", &[file])
}

/// Why it cannot tell, of a file of which it knows nothing worse.
pub(crate) fn unknown(file: &Path) -> String {
    let finished = check(file);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert_eq!(finished.stdout, "");
    finished.stderr
}

/// What it says escapes; nothing for a file that it passes.
pub(crate) fn escapes(file: &Path) -> Vec<String> {
    let finished = check(file);
    let said = finished.stdout.lines();
    match finished.status.code() {
        Some(0) => Vec::new(),
        Some(1) => {
            let start = format!("{}: ", file.display());
            let lines = said.map(|line| line.strip_prefix(&start).expect("it names the file"));
            lines.map(str::to_owned).collect()
        }
        _ => panic!("{finished:?}"),
    }
}
