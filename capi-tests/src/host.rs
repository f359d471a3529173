//! Programs with an AioContext of their own, and libraries that are built for them.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::compile::{compiler, Program};
use crate::installed::{pkg_config_below, root, scratch};
use crate::run::{output, program, succeed, Finished};
use crate::tree::{files_below, write};

/// A program's headers, as `make` is told of them.
#[derive(Clone, Debug)]
pub struct Host {
    /// `HOST_CFLAGS`, and what C programs are compiled with.
    pub flags: Vec<String>,
    /// `HOST_COMPILE_COMMANDS`, which then has the flags for `make`.
    pub compile_commands: Option<PathBuf>,
    /// The words of `HOST_HEADER`.
    pub headers: Vec<String>,
    /// `GENERATION`; empty for none.
    pub generation: String,
}

/// The flags for a tree of `capi-tests/host`.
pub fn host_tree(tree: &str, options: &[&str]) -> Vec<String> {
    let folder = root().join("capi-tests/host");
    // As in real trees, those from 2.9 on have a `qemu/osdep.h`.
    let since_2_9 = !matches!(tree, "loop-2.4" | "unmarked");
    let folders = ["common", tree].into_iter().chain(since_2_9.then_some("since-2.9"));
    let include = folders.map(|name| format!("-I{}", folder.join(name).display()));
    include.chain(options.iter().map(|&option| option.to_owned())).collect()
}

impl Host {
    /// A tree of `capi-tests/host` with build options of its own.
    pub fn new(tree: &str, options: &[&str], generation: &str) -> Self {
        Self {
            flags: host_tree(tree, options),
            compile_commands: None,
            headers: vec!["block/aio.h".to_owned()],
            generation: generation.to_owned(),
        }
    }

    /// The headers that the environment names, as `make check HOST_CFLAGS=...` does.
    pub fn given() -> Option<Self> {
        let variable = |name: &str| env::var(name).unwrap_or_default();
        let flags = variable("CAPI_TESTS_HOST_CFLAGS");
        let flags = shlex::split(&flags).expect("the library has been built with them");
        let header = variable("CAPI_TESTS_HOST_HEADER");
        let mut headers: Vec<String> = header.split_whitespace().map(str::to_owned).collect();
        if headers.is_empty() {
            headers.push("block/aio.h".to_owned());
        }
        let generation = variable("CAPI_TESTS_GENERATION");
        (!flags.is_empty()).then_some(Self { flags, compile_commands: None, headers, generation })
    }

    /// Builds and installs a library for it under this name; what make says.
    pub fn install(&self, name: &str) -> (Finished, HostLibrary) {
        // One after the other: all are built in one folder, so that bindgen is built once.
        static BUILDING: Mutex<()> = Mutex::new(());
        let _building = BUILDING.lock();
        let prefix = scratch("host-installed").join(name);
        let mut make = Command::new("make");
        for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PREFIX"] {
            make.env_remove(variable);
        }
        make.current_dir(root())
            .arg("install-private")
            .arg(match &self.compile_commands {
                Some(file) => format!("HOST_COMPILE_COMMANDS={}", file.display()),
                None => format!("HOST_CFLAGS={}", self.flags.join(" ")),
            })
            .arg(format!("HOST_HEADER={}", self.headers.join(" ")))
            .arg(format!("GENERATION={}", self.generation))
            .arg(format!("LIBNAME={name}"))
            .arg(format!("PRIVATE={}", prefix.display()))
            .env("CARGO_TARGET_DIR", scratch("host-target"));
        // For another machine, as `scripts/cross` says.
        for (variable, cargos) in
            [("AIONOTIFY_TARGET", "CARGO_BUILD_TARGET"), ("CAPI_TESTS_RUSTC", "RUSTC")]
        {
            if let Some(value) = env::var_os(variable) {
                make.env(cargos, value);
            }
        }
        if let Ok(strip) = env::var("STRIP") {
            make.arg(format!("STRIP={strip}"));
        }
        (
            output(&mut make),
            HostLibrary { host: self.clone(), inline: false, prefix, name: name.to_owned() },
        )
    }

    /// Builds and installs a library for it under this name, which stands for this host: once in
    /// a test program.
    pub fn library(&self, name: &str) -> HostLibrary {
        static INSTALLED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let mut installed = INSTALLED.lock().expect("no earlier build has failed");
        if !installed.contains(name) {
            let (finished, _) = self.install(name);
            assert!(finished.status.success(), "{}", finished.stderr);
            installed.insert(name.to_owned());
        }
        let prefix = scratch("host-installed").join(name);
        HostLibrary { host: self.clone(), inline: false, prefix, name: name.to_owned() }
    }

    /// The flags for sources that say `#include "block/aio.h"`.
    fn cflags(&self) -> Vec<String> {
        let mut flags = self.flags.clone();
        let first = scratch("first").join("first.h");
        write(&first, "#if __has_include(\"qemu/osdep.h\")\n#include \"qemu/osdep.h\"\n#endif\n");
        flags.extend(["-include".to_owned(), first.display().to_string()]);
        for header in &self.headers {
            flags.extend(["-include".to_owned(), header.clone()]);
        }
        // For programs that have moved that header: an empty one, found last.
        let empty = scratch("no-header");
        write(&empty.join("block/aio.h"), "");
        flags.extend(["-idirafter".to_owned(), empty.display().to_string()]);
        // The program's headers may not be as clean as ours.
        flags.push("-Wno-error".to_owned());
        flags
    }

    /// Whether a declaration compiles behind the headers.
    pub fn compiles(&self, declaration: &str) -> bool {
        let source = scratch("probe").join("probe.c");
        write(&source, &format!("#include <stddef.h>\n{declaration}\n"));
        let mut command = compiler();
        command.args(["-std=gnu11", "-fsyntax-only"]).args(self.cflags()).arg(source);
        output(&mut command).status.success()
    }
}

/// A library for a program's own headers, installed.
#[derive(Debug)]
pub struct HostLibrary {
    host: Host,
    inline: bool,
    prefix: PathBuf,
    name: String,
}

impl HostLibrary {
    /// The one that `make check HOST_CFLAGS=...` has installed.
    pub fn given(host: Host) -> Self {
        let prefix = PathBuf::from(env::var_os("AIONOTIFY_PREFIX").expect("make check sets it"));
        let name = env::var("CAPI_TESTS_LIBNAME").ok().filter(|name| !name.is_empty());
        Self { host, inline: false, prefix, name: name.unwrap_or_else(|| "aionotify".to_owned()) }
    }

    /// The same library for programs that are compiled against other headers.
    #[must_use]
    pub fn under(&self, host: Host) -> Self {
        Self { host, ..self.inline(false) }
    }

    /// The same library for programs with or without the header's inline fast paths.
    #[must_use]
    pub fn inline(&self, inline: bool) -> Self {
        Self {
            host: self.host.clone(),
            inline,
            prefix: self.prefix.clone(),
            name: self.name.clone(),
        }
    }

    /// Its `LIBNAME`.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Where it is installed.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The files that are installed.
    pub fn files(&self) -> Vec<String> {
        files_below(&self.prefix).into_iter().collect()
    }

    /// The shared library.
    pub fn shared(&self) -> PathBuf {
        self.prefix.join(format!("lib/lib{}.so", self.name))
    }

    /// A program's flags: its own headers, and the library's.
    pub fn cflags(&self) -> Vec<String> {
        let mut flags =
            [self.host.cflags(), pkg_config_below(&self.prefix, &["--cflags", &self.name])]
                .concat();
        if self.inline {
            // Behind the program's own headers.
            flags.extend(
                ["-DAIONOTIFY_INLINE", "-include", "aionotify/target.h"].map(str::to_owned),
            );
        }
        flags
    }

    /// The linker's flags.
    pub fn libs(&self) -> Vec<String> {
        let mut flags = pkg_config_below(&self.prefix, &["--libs", &self.name]);
        flags.push(format!("-Wl,-rpath,{}", self.prefix.join("lib").display()));
        flags
    }

    /// Runs the C programs that are for the library's generation. Returns how many.
    pub fn run_suite(&self) -> usize {
        let initialized =
            self.host.compiles("char probe[offsetof(EventNotifier, initialized) >= 0];");
        let mut flags = vec!["-D_GNU_SOURCE"];
        let mut names = vec!["notify", "wakeups"];
        match &*self.host.generation {
            "5.2" => flags.push("-DLOOP_5_2"),
            _ => names.extend(["misuse", "one_cpu", "signals"]),
        }
        // A NULL argument is not caught by the inline ones.
        let inline: Vec<&str> = names.iter().copied().filter(|name| *name != "misuse").collect();
        if self.host.compiles(
            "_Static_assert(__builtin_types_compatible_p(__typeof__(event_notifier_set_handler), \
             int(EventNotifier *, EventNotifierHandler *)), \"\");",
        ) {
            names.push("set_handler");
        } else {
            flags.push("-DWITHOUT_SET_HANDLER");
        }
        if self.host.compiles("int (*probe)(const EventNotifier *) = event_notifier_get_wfd;") {
            flags.push("-DWITH_GET_WFD");
        }
        names.push(if initialized { "event_notifier_initialized" } else { "event_notifier" });
        for name in &names {
            let built = Program::new(name).flags(&flags).build_for(self);
            let finished = succeed(&mut program(&built));
            assert!(finished.stdout.contains("ok "), "{name} ran no test: {finished:?}");
        }
        for name in &inline {
            let built = Program::new(name).named(&format!("{name}-inline")).flags(&flags);
            let finished = succeed(&mut program(&built.build_for(&self.inline(true))));
            assert!(finished.stdout.contains("ok "), "{name} ran no test: {finished:?}");
        }
        names.len()
    }

    /// What `aionotify_target()` returns, and `AIONOTIFY_CHECK_LAYOUT()` says to a program that is
    /// compiled against the library's headers, or with other flags.
    pub fn check_layout(&self, flags: &[&str]) -> Finished {
        let text = "#include \"block/aio.h\"\n\
                    #include <stdio.h>\n\
                    #include \"aionotify/target.h\"\n\
                    int main(void)\n\
                    {\n\
                        printf(\"%s\\n\", aionotify_target());\n\
                        fflush(stdout);\n\
                        AIONOTIFY_CHECK_LAYOUT(AioContext);\n\
                        return 0;\n\
                    }\n";
        let name = format!("check-layout-{}", flags.concat().replace(['/', '='], "_"));
        let built = Program::with_text(&name, text).flags(flags).build_for(self);
        output(&mut program(&built))
    }
}

impl Program {
    /// Compiles it with a program's own headers and links it with the library for them.
    pub fn build_for(&self, library: &HostLibrary) -> PathBuf {
        self.link_as(&library.name(), &library.cflags(), &library.libs())
    }

    /// Compiles it for one library and links it with another.
    pub fn build_mixed(&self, headers: &HostLibrary, linked: &HostLibrary) -> PathBuf {
        self.link_as("mixed", &headers.cflags(), &linked.libs())
    }

    /// What the linker says of a program for these headers that it refuses.
    pub fn refused_for(&self, headers: &HostLibrary, linked: &HostLibrary) -> String {
        let name = format!("{}-refused", headers.name());
        let finished = output(&mut self.command(&name, &headers.cflags(), &linked.libs()).0);
        assert!(!finished.status.success(), "{} is linked", self.name());
        finished.stderr
    }
}
