//! Compiling C programs against the installed tree, as their makers would.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::host::HostLibrary;
use crate::installed::{pkg_config, prefix, root, scratch};
use crate::run::succeed;

/// Which of the two libraries a program is linked with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linkage {
    /// `libaionotify.so`, by what pkg-config prints.
    Dynamic,
    /// `libaionotify.a`; the rest of the program stays dynamic.
    Static,
    /// `libaionotify.a` in a program that is static as a whole (`cc -static`).
    AllStatic,
}

/// The C compiler for `AIONOTIFY_TARGET`, by default this machine (`CC`, `CFLAGS` and the like are
/// heeded), with the warnings that tests are compiled with.
pub fn compiler() -> Command {
    let target = env::var("AIONOTIFY_TARGET").unwrap_or_else(|_| HOST.to_owned());
    let tool = cc::Build::new()
        .cargo_metadata(false)
        .host(HOST)
        .target(&target)
        .opt_level(2)
        .debug(true)
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .get_compiler();
    let mut command = Command::new(tool.path());
    command.args(tool.args());
    command
}

/// The machine that compiled the tests.
const HOST: &str = env!("CAPI_TESTS_HOST");

/// A C program to build.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    source: PathBuf,
    flags: Vec<String>,
    libraries: Vec<String>,
}

impl Program {
    /// The program made of `c/NAME.c`.
    pub fn new(name: &str) -> Self {
        let source = root().join("capi-tests/c").join(format!("{name}.c"));
        Self { name: name.to_owned(), source, flags: Vec::new(), libraries: Vec::new() }
    }

    /// The program with this text, under this name.
    pub fn with_text(name: &str, text: &str) -> Self {
        let source = scratch("sources").join(format!("{name}.c"));
        fs::write(&source, text).expect("the scratch folder can be written");
        Self { source, ..Self::new(name) }
    }

    /// The same program under another name, where it is built more than once.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Adds flags for the compiler.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// Adds another library that the program itself uses, by its name for pkg-config.
    #[must_use]
    pub fn uses(mut self, package: &str) -> Self {
        let mut command =
            Command::new(env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into()));
        let words = succeed(command.args(["--cflags", "--libs", package])).stdout;
        self.libraries.extend(words.split_whitespace().map(str::to_owned));
        self
    }

    /// Compiles and links; returns the program's path.
    pub fn build(&self, linkage: Linkage) -> PathBuf {
        let lib = prefix().join("lib");
        match linkage {
            Linkage::Dynamic => {
                let rpath = format!("-Wl,-rpath,{}", lib.display());
                self.link(&format!("{linkage:?}"), &[pkg_config(&["--libs"]), vec![rpath]].concat())
            }
            Linkage::Static => self.build_with(&lib.join("libaionotify.a")),
            Linkage::AllStatic => {
                let flags = [vec!["-static".to_owned()], pkg_config(&["--static", "--libs"])];
                self.link(&format!("{linkage:?}"), &flags.concat())
            }
        }
    }

    /// The same, linked with this archive in the place of the installed library.
    pub fn build_with(&self, archive: &Path) -> PathBuf {
        self.link("Static", &[archive.display().to_string()])
    }

    /// The same, compiled with a program's own headers and linked with the library for them.
    pub fn build_for(&self, library: &HostLibrary) -> PathBuf {
        self.link_as(&library.name(), &library.cflags(), &library.libs())
    }

    fn link(&self, suffix: &str, library: &[String]) -> PathBuf {
        self.link_as(suffix, &pkg_config(&["--cflags"]), library)
    }

    fn link_as(&self, suffix: &str, cflags: &[String], library: &[String]) -> PathBuf {
        // Tests run side by side: a second build would replace what the first one runs.
        static BUILT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
        let program = scratch("programs").join(format!("{}-{suffix}", self.name));
        let first = BUILT.lock().expect("nobody panics with it").insert(program.clone());
        assert!(first, "{} is built twice: use named()", program.display());
        let mut command = compiler();
        command
            .arg("-std=gnu11")
            .arg("-pthread")
            .args(&self.flags)
            .args(cflags)
            .arg(&self.source)
            .arg("-o")
            .arg(&program)
            .args(library);
        command.args(&self.libraries);
        succeed(&mut command);
        program
    }
}
