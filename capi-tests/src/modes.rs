//! The languages and compilers that the headers must be good for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::run::{output, Finished};

/// A compiler and the standard that it is to follow.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    compiler: &'static str,
    standard: &'static str,
    language: &'static str,
}

impl Mode {
    /// C99, C11, C23 and C++17, each with GCC and with Clang.
    pub fn all() -> Vec<Self> {
        let mut modes = Vec::new();
        for compiler in ["gcc", "clang"] {
            // Before a compiler knows C23 by its name, the draft.
            for standards in [["c99"].as_slice(), &["c11"], &["c23", "c2x"]] {
                let known =
                    standards.iter().map(|standard| Self { compiler, standard, language: "c" });
                let known = known.into_iter().find(|mode| mode.compiles(&[Path::new("/dev/null")]));
                modes.push(
                    known.unwrap_or_else(|| panic!("{compiler} knows none of {standards:?}")),
                );
            }
        }
        for compiler in ["g++", "clang++"] {
            modes.push(Self { compiler, standard: "c++17", language: "c++" });
        }
        modes
    }

    fn compiles(self, files: &[&Path]) -> bool {
        output(self.command().args(files)).status.success()
    }

    fn command(self) -> Command {
        let mut command = Command::new(self.compiler);
        command
            .arg(format!("-std={}", self.standard))
            .arg("-fsyntax-only")
            .args(["-x", self.language]);
        command
    }

    /// Checks files with all warnings as errors; `flags` are the program's own.
    pub fn check(self, flags: &[String], files: &[PathBuf]) -> Finished {
        let warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
        output(self.command().args(warnings).args(flags).args(files))
    }
}

/// Runs the jobs on all processors, and returns what they return, in any order.
pub fn in_parallel<T: Send, R: Send>(jobs: Vec<T>, run: impl Fn(T) -> R + Sync) -> Vec<R> {
    let jobs = Mutex::new(jobs);
    let results = Mutex::new(Vec::new());
    let work = || loop {
        let Some(job) = jobs.lock().expect("no job panics with the lock").pop() else { break };
        let result = run(job);
        results.lock().expect("no job panics with the lock").push(result);
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    results.into_inner().expect("no job panics with the lock")
}
