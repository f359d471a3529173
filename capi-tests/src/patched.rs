//! Copies of the library's sources with a fault planted in them, to see that it is noticed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installed::{root, scratch};
use crate::run::{output, succeed, Finished};
use crate::tree::{read, write};

/// A copy of what a library is made of.
#[derive(Debug)]
pub struct Patched {
    folder: PathBuf,
    /// Its name, and that of its folder.
    package: &'static str,
}

impl Patched {
    /// A new copy of libaionotify's sources, in a folder of this name.
    pub fn new(name: &str) -> Self {
        Self::copy(name, "libaionotify")
    }

    /// A new copy of libaiocontext's sources, in a folder of this name.
    pub fn of_loop(name: &str) -> Self {
        Self::copy(name, "libaiocontext")
    }

    fn copy(name: &str, package: &'static str) -> Self {
        let folder = scratch("patched").join(name);
        let _ = fs::remove_dir_all(folder.join("copy"));
        let copy = Self { folder, package };
        let built = ["Cargo.lock", "Cargo.toml", "build", "build.rs", package, "src"];
        // The manifest may name what is in the last.
        let installed = ["abi", "include", "man", "scripts", "tests"];
        for part in built.into_iter().chain(installed) {
            copy_tree(&root().join(part), &copy.path(part));
        }
        // The other members are not there.
        let manifest = read(&copy.path("Cargo.toml"));
        let members = manifest.lines().find(|line| line.starts_with("members = "));
        let members = members.expect("one line of members");
        copy.replace("Cargo.toml", members, &format!("members = [\"{package}\"]"))
    }

    /// A file of the copy.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join("copy").join(name)
    }

    /// Replaces a text that must be in the file, once.
    #[must_use]
    pub fn replace(self, file: &str, from: &str, to: &str) -> Self {
        let text = read(&self.path(file));
        assert_eq!(text.matches(from).count(), 1, "{file} should contain once: {from}");
        write(&self.path(file), &text.replace(from, to));
        self
    }

    /// Builds the library with a profile.
    pub fn build(&self, profile: &str) -> Finished {
        output(&mut build(&self.path("."), &self.folder, self.package, profile))
    }

    /// A library that has been built.
    pub fn library(&self, profile: &str, name: &str) -> PathBuf {
        built(&self.folder, profile).join(name)
    }
}

/// The folder of libaionotify as it is, built with a profile for this test program.
pub fn unpatched(profile: &str) -> PathBuf {
    let folder = scratch("unpatched");
    succeed(&mut build(root(), &folder, "libaionotify", profile));
    built(&folder, profile)
}

/// cargo's command for a library. Away from the folder that cargo has locked for the tests.
fn build(sources: &Path, folder: &Path, package: &str, profile: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(sources)
        // All that it needs has been fetched to build the tests.
        .args(["build", "--offline", "-p", package, "--profile", profile, "--target-dir"])
        .arg(folder.join("target"));
    cargo
}

fn built(folder: &Path, profile: &str) -> PathBuf {
    let target = env::var_os("CARGO_BUILD_TARGET").unwrap_or_default();
    folder.join("target").join(target).join(profile)
}

/// Copies a file, or a folder with all that is below it.
pub fn copy_tree(from: &Path, to: &Path) {
    let folder = to.parent().expect("a copy is in a folder");
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    succeed(Command::new("cp").arg("-R").arg(from).arg(to));
}
