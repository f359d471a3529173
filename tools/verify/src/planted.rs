//! A copy of the project with a fault planted in it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::row::Outcome;
use crate::run::{self, Ran};
use crate::Place;

/// A fault: one text of the project's that is replaced, and how it must be noticed.
pub(crate) struct Fault {
    /// What is wrong, for the table.
    pub(crate) what: &'static str,
    pub(crate) file: &'static str,
    /// The file must have this once.
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// What the check must say when it fails.
    pub(crate) words: &'static str,
}

impl Fault {
    /// Runs the check on a copy with the fault.
    pub(crate) fn plant(&self, place: &Place, check: impl Fn(&Planted) -> Ran) -> Outcome {
        match Planted::new(place, self.file, self.from, self.to) {
            Ok(copy) => Outcome::noticed(&check(&copy), self.words),
            Err(why) => Outcome::failed(why),
        }
    }

    /// The same, with both libraries of the copy built and installed: the check gets their prefix.
    pub(crate) fn plant_installed(&self, place: &Place, check: impl Fn(&Path) -> Ran) -> Outcome {
        self.plant(place, |copy| match copy.install() {
            Ok(prefix) => check(&prefix),
            Err(ran) => ran,
        })
    }
}

/// The copy. There is one, at one place, so that what has been built of it serves again: a file is
/// written only where it differs, and then it is newer than what was built of it.
pub(crate) struct Planted(PathBuf);

impl Planted {
    /// Copies the project and replaces a text, which a file must have exactly once.
    fn new(place: &Place, file: &str, from: &str, to: &str) -> Result<Self, String> {
        let text = fs::read_to_string(place.root.join(file)).map_err(|e| format!("{file}: {e}"))?;
        if text.matches(from).count() != 1 {
            return Err(format!("{file} should contain once: {}", from.trim()));
        }
        Ok(Self::with_text(place, file, &text.replace(from, to)))
    }

    /// Copies the project, with another text for one file.
    pub(crate) fn with_text(place: &Place, file: &str, text: &str) -> Self {
        let copy = place.scratch.join("planted");
        update(&place.root, &copy, &copy.join(file));
        write(&copy.join(file), text.as_bytes());
        Self(copy)
    }

    /// Copies the project.
    pub(crate) fn unchanged(place: &Place) -> Self {
        let copy = place.scratch.join("planted");
        update(&place.root, &copy, Path::new(""));
        Self(copy)
    }

    /// A command in the copy that builds there, away from the project's own folders. It takes
    /// nothing from a make that runs this tool.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.0).env("CARGO_TARGET_DIR", self.0.join("target"));
        for variable in ["AIONOTIFY_PREFIX", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL"] {
            command.env_remove(variable);
        }
        command
    }

    /// Builds and installs both libraries of the copy; returns the prefix.
    fn install(&self) -> Result<PathBuf, Ran> {
        let prefix = self.0.join("target/installed");
        let private = format!("PRIVATE={}", prefix.display());
        fs::create_dir_all(&prefix).expect("the copy's folder can be written");
        let ran = run::run(self.command("make").args(["install-private", &private]));
        if ran.success {
            Ok(prefix)
        } else {
            Err(ran)
        }
    }
}

/// Makes `to` the same as `from`, but for what is built and one file that will be written anyway.
fn update(from: &Path, to: &Path, but: &Path) {
    // A path may have been a file in the sources of an earlier run.
    if to.is_file() {
        remove(to);
    }
    fs::create_dir_all(to).expect("the scratch folder can be written");
    let is_source = |name: &OsString| name != "target" && name != ".git";
    let wanted: BTreeSet<OsString> = names(from).into_iter().filter(is_source).collect();
    for name in names(to).into_iter().filter(is_source) {
        if !wanted.contains(&name) {
            remove(&to.join(name));
        }
    }
    for name in wanted {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            update(&from, &to, but);
        } else if to != but {
            if to.is_dir() {
                remove(&to);
            }
            let bytes = fs::read(&from).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
            write(&to, &bytes);
            // Scripts are run.
            let mode = fs::metadata(&from).expect("it has been read").permissions();
            fs::set_permissions(&to, mode).expect("the copy can be written");
        }
    }
}

fn names(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.expect("a readable folder").file_name()).collect()
}

fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return;
    }
    fs::write(path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
