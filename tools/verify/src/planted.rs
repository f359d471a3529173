//! A copy of the project with a fault planted in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Place;

/// The copy. There is one, and the next takes its place, so that what has been built of it serves
/// again.
pub(crate) struct Planted(PathBuf);

impl Planted {
    /// Copies the project and replaces a text, which a file must have exactly once.
    pub(crate) fn new(place: &Place, file: &str, from: &str, to: &str) -> Self {
        let planted = Self::unchanged(place);
        let path = planted.path().join(file);
        let text = fs::read_to_string(&path).expect("a file of the project");
        assert_eq!(text.matches(from).count(), 1, "{file} should contain once: {from}");
        fs::write(path, text.replace(from, to)).expect("the copy can be written");
        planted
    }

    /// Copies the project.
    pub(crate) fn unchanged(place: &Place) -> Self {
        let copy = place.scratch.join("planted");
        fs::create_dir_all(&copy).expect("the scratch folder can be written");
        for entry in fs::read_dir(&copy).expect("the copy can be read") {
            let entry = entry.expect("the copy can be read");
            if entry.file_name() != "target" {
                remove(&entry.path());
            }
        }
        for entry in fs::read_dir(&place.root).expect("the project can be read") {
            let entry = entry.expect("the project can be read");
            if entry.file_name() != "target" && entry.file_name() != ".git" {
                let copied = Command::new("cp").arg("-R").arg(entry.path()).arg(&copy).status();
                assert!(copied.is_ok_and(|status| status.success()), "cannot copy {entry:?}");
            }
        }
        Self(copy)
    }

    /// The copy's folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A command in the copy that builds there, away from the project's own folders.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.0).env_remove("AIONOTIFY_PREFIX");
        command.env("CARGO_TARGET_DIR", self.0.join("target"));
        command
    }
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
