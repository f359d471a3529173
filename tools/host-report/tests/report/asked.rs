//! A header tree, how the report is asked about it, and what it answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const X86_64: &str = "x86_64-unknown-linux-gnu";
pub(crate) const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// A tree, and the flags and variables with which it is read.
pub(crate) struct Asked<'a> {
    pub(crate) target: &'a str,
    pub(crate) include: Vec<PathBuf>,
    pub(crate) options: &'a [&'a str],
    pub(crate) header: &'a str,
    pub(crate) generation: &'a str,
    /// Further variables, without `AIONOTIFY_`.
    pub(crate) more: &'a [(&'a str, &'a str)],
}

impl<'a> Asked<'a> {
    pub(crate) fn new(tree: &str, options: &'a [&'a str], generation: &'a str) -> Self {
        let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capi-tests/host");
        let trees = trees.canonicalize().expect("the trees are there");
        let include = ["common", tree, "since-2.9"].map(|name| trees.join(name));
        // `qemu/osdep.h` is of the trees since 2.9.
        let since_2_9 = !matches!(tree, "loop-2.4" | "unmarked");
        let include = include[..if since_2_9 { 3 } else { 2 }].to_vec();
        Self { target: X86_64, include, options, header: "block/aio.h", generation, more: &[] }
    }

    pub(crate) fn flags(&self) -> Vec<String> {
        // Free-standing, so that the C library's headers of the target are not needed.
        let flags = self.include.iter().map(|folder| format!("-I{}", folder.display()));
        let flags = flags.chain(self.options.iter().map(|&option| option.to_owned()));
        flags.chain(["-ffreestanding".to_owned()]).collect()
    }

    pub(crate) fn run(&self) -> Output {
        let mut report = Command::new(env!("CARGO_BIN_EXE_host-report"));
        report
            .arg(self.target)
            .env("AIONOTIFY_HOST_CFLAGS", self.flags().join(" "))
            .env("AIONOTIFY_HOST_HEADER", self.header)
            .env("AIONOTIFY_GENERATION", self.generation);
        for (name, value) in self.more {
            report.env(format!("AIONOTIFY_{name}"), value);
        }
        report.output().expect("the report can be run")
    }

    /// The last line of the report.
    pub(crate) fn fits(&self) -> String {
        let output = self.run();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let last = text.lines().last().expect("a report").to_owned();
        last.strip_prefix("fits:       ").expect("what it fits").to_owned()
    }

    /// The message that a build would stop with: one line, without what all have in common. clang may
    /// have said before why it cannot read something.
    pub(crate) fn refused(&self) -> String {
        let output = self.run();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        let start = format!("aio-notify: cannot build for {}: ", self.target);
        let ours: Vec<&str> = text.lines().filter(|line| line.starts_with(&start)).collect();
        assert_eq!(ours.len(), 1, "{text}");
        ours[0][start.len()..].to_owned()
    }

    /// clang, asked in C for the same figures: a report that fits must compile as assertions.
    pub(crate) fn assert_c_agrees(&self, fits: &str) {
        let mut text = format!(
            "#include <stddef.h>\n#if __has_include(\"qemu/osdep.h\")\n#include \
             \"qemu/osdep.h\"\n#endif\n#include \"{}\"\n",
            self.header
        );
        for word in fits.split(' ').skip(1) {
            let (field, offset) = word.split_once('@').expect("FIELD@OFFSET");
            text += &format!("_Static_assert(offsetof(AioContext, {field}) == {offset}, \"\");\n");
        }
        let source = scratch("assertions").join(format!("{}.c", fits.replace(['@', ' '], "-")));
        fs::write(&source, text).expect("a writable folder");
        let mut clang = Command::new("clang");
        clang.arg(format!("--target={}", self.target)).args(self.flags());
        let output = clang.arg("-fsyntax-only").arg(source).output().expect("there is clang");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a writable folder");
    folder
}

/// A copy of a tree's header in which a text is replaced.
pub(crate) fn mistaken(tree: &str, file: &str, from: &str, to: &str) -> Vec<PathBuf> {
    let original = Asked::new(tree, &[], "");
    let name = format!("{from}-{to}").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let copy = scratch("mistakes").join(name);
    let text = original
        .include
        .iter()
        .find_map(|folder| fs::read_to_string(folder.join(file)).ok())
        .expect("one of them has the header");
    assert_eq!(text.matches(from).count(), 1, "{file} has once: {from}");
    let path = copy.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(path, text.replace(from, to)).expect("a writable folder");
    [vec![copy], original.include].concat()
}
