//! Compiling C programs against the installed tree, as their makers would.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::installed::{pkg_config, prefix, root, scratch};
use crate::run::{output, succeed};

/// Which form of a library a program is linked with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linkage {
    /// The shared library, by what pkg-config prints.
    Dynamic,
    /// The archive; the rest of the program stays dynamic.
    Static,
    /// The archive in a program that is static as a whole (`cc -static`).
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
    package: &'static str,
    flags: Vec<String>,
    libraries: Vec<String>,
}

impl Program {
    /// The program made of `c/NAME.c`, with libaionotify.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.replace('/', "-"),
            source: root().join("capi-tests/c").join(format!("{name}.c")),
            package: "aionotify",
            flags: Vec::new(),
            libraries: Vec::new(),
        }
    }

    /// The program made of `c/loop/NAME.c`, with libaiocontext.
    pub fn of_loop(name: &str) -> Self {
        Self::new(&format!("loop/{name}")).flags(&["-D_GNU_SOURCE"]).with("aiocontext")
    }

    /// The same program with another of our libraries, by its name for pkg-config.
    #[must_use]
    pub fn with(mut self, package: &'static str) -> Self {
        self.package = package;
        self
    }

    /// The program with this text, under this name.
    pub fn with_text(name: &str, text: &str) -> Self {
        let source = scratch("sources").join(format!("{name}.c"));
        fs::write(&source, text).expect("the scratch folder can be written");
        Self { source, ..Self::new(name) }
    }

    /// The same program with `c/loop/own/COMPONENT.c`, in the place of the library's component.
    #[must_use]
    pub fn owning(self, component: &str) -> Self {
        let source = root().join("capi-tests/c/loop/own").join(format!("{component}.c"));
        let name = format!("{}-owning-{component}", self.name);
        self.named(&name).flags(&[source.to_str().expect("a path in UTF-8")])
    }

    /// The same program with `c/loop/interpose.c`, which counts the library's system calls and has
    /// them fail. To be linked with the shared library.
    #[must_use]
    pub fn interposing(self) -> Self {
        let source = root().join("capi-tests/c/loop/interpose.c");
        self.flags(&[source.to_str().expect("a path in UTF-8")])
    }

    /// The same program under another name, where it is built more than once.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
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

    /// What the linker says of a program with the shared library that it refuses.
    pub fn refused(&self) -> String {
        let cflags = pkg_config(&["--cflags", self.package]);
        let libs = pkg_config(&["--libs", self.package]);
        let finished = output(&mut self.command("refused", &cflags, &libs).0);
        assert!(!finished.status.success(), "{} is linked", self.name);
        finished.stderr
    }

    /// Compiles and links; returns the program's path.
    pub fn build(&self, linkage: Linkage) -> PathBuf {
        let lib = prefix().join("lib");
        match linkage {
            Linkage::Dynamic => {
                let rpath = format!("-Wl,-rpath,{}", lib.display());
                let libraries = pkg_config(&["--libs", self.package]);
                self.link(&format!("{linkage:?}"), &[libraries, vec![rpath]].concat())
            }
            Linkage::Static => self.build_with(&lib.join(format!("lib{}.a", self.package))),
            Linkage::AllStatic => {
                let libraries = pkg_config(&["--static", "--libs", self.package]);
                let flags = [vec!["-static".to_owned()], libraries].concat();
                self.link(&format!("{linkage:?}"), &flags)
            }
        }
    }

    /// The same, linked with this archive in the place of the installed library.
    pub fn build_with(&self, archive: &Path) -> PathBuf {
        let own = format!("-l{}", self.package);
        // What the library itself needs stands behind its own name.
        let needed = pkg_config(&["--static", "--libs", self.package]);
        let needed = needed.into_iter().skip_while(|word| *word != own).skip(1);
        let libraries: Vec<String> =
            [archive.display().to_string()].into_iter().chain(needed).collect();
        self.link("Static", &libraries)
    }

    /// The same, linked with none of our libraries, for a program that loads one at run time.
    pub fn build_without(&self) -> PathBuf {
        self.link("Without", &["-ldl".to_owned()])
    }

    fn link(&self, suffix: &str, library: &[String]) -> PathBuf {
        self.link_as(suffix, &pkg_config(&["--cflags", self.package]), library)
    }

    /// Compiles with these flags and links with this library; returns the program's path, which ends
    /// with `suffix`.
    pub(crate) fn link_as(&self, suffix: &str, cflags: &[String], library: &[String]) -> PathBuf {
        let (mut command, program) = self.command(suffix, cflags, library);
        succeed(&mut command);
        program
    }

    /// The compiler's command for that, and the path.
    pub(crate) fn command(
        &self,
        suffix: &str,
        cflags: &[String],
        library: &[String],
    ) -> (Command, PathBuf) {
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
        (command, program)
    }
}
