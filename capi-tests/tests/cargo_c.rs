//! `cargo cinstall` installs libaionotify as `make install` does.
//!
//! It runs on a copy of the sources with their dependencies beside them, because the cargo within
//! a distribution's cargo-c can be too old for the lock file and for the registry.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{compiler, copy_tree, elf, files_below, output, pkg_config_below, prefix};
use capi_tests::{program, read, root, scratch, succeed, write, Patched};

/// The tree that `cargo cinstall` makes.
fn installed() -> PathBuf {
    let copy = Patched::new("cargo-c");
    let manifest = read(&copy.path("Cargo.toml"));
    // What only `make HOST_CFLAGS=...` needs is left out, too.
    let manifest = without_table(&manifest, "[dev-dependencies");
    let manifest = without_table(&manifest, "[build-dependencies");
    let feature = manifest.lines().find(|line| line.starts_with("host-headers = "));
    let manifest = manifest.replace(feature.expect("the feature is there"), "host-headers = []");
    write(&copy.path("Cargo.toml"), &manifest);
    fs::remove_file(copy.path("Cargo.lock")).expect("it has been copied");
    for (name, folder) in dependencies() {
        let vendored = copy.path("vendor").join(name);
        copy_tree(&folder, &vendored);
        // For other systems, and not there.
        let manifest =
            without_table(&read(&vendored.join("Cargo.toml")), "[target.\"cfg(windows)\"");
        write(&vendored.join("Cargo.toml"), &manifest);
        write(&vendored.join(".cargo-checksum.json"), "{\"files\":{}}");
    }
    write(
        &copy.path(".cargo/config.toml"),
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n",
    );

    let tree = scratch("cinstalled");
    fs::remove_dir_all(&tree).expect("a writable folder");
    let mut cargo_c = Command::new("cargo-cinstall");
    cargo_c
        .current_dir(copy.path("."))
        .args(["cinstall", "--manifest-path", "libaionotify/Cargo.toml", "--release", "--offline"])
        .arg(format!("--prefix={}", tree.display()))
        .arg(format!("--libdir={}", tree.join("lib").display()))
        .arg(format!("--target-dir={}", scratch("target").display()));
    succeed(&mut cargo_c);
    tree
}

/// A manifest without the tables whose heading starts like this.
fn without_table(manifest: &str, heading: &str) -> String {
    let mut kept = String::new();
    let mut keep = true;
    for line in manifest.lines() {
        // The items of an array are indented.
        if line.starts_with('[') {
            keep = !line.starts_with(heading);
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The crates from elsewhere that the library is made of, and where cargo has their sources.
fn dependencies() -> Vec<(String, PathBuf)> {
    let cargo = |args: &[&str]| {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        succeed(command.current_dir(root()).args(args).arg("--locked")).stdout
    };
    let tree = cargo(&["tree", "-p", "libaionotify", "-e", "normal,build", "--prefix", "none"]);
    // The crates of the workspace have their folder in brackets after the version.
    let crates: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter(|line| !line.contains('('))
        .filter_map(|line| line.split_once(" v"))
        .collect();
    assert!(!crates.is_empty(), "{tree}");

    let target = format!("--filter-platform={}", host());
    let metadata = cargo(&["metadata", "--format-version=1", &target]);
    let folder = |(name, version): (&str, &str)| {
        let start = format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"id\"");
        let (_, package) = metadata.split_once(&start).expect("cargo knows its packages");
        let (_, path) = package.split_once("\"manifest_path\":\"").expect("and their manifests");
        let (path, _) = path.split_once('"').expect("a string ends");
        let folder = Path::new(path).parent().expect("a manifest is in a folder");
        (name.to_owned(), folder.to_owned())
    };
    crates.into_iter().map(folder).collect()
}

/// The machine's name in Rust.
fn host() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = succeed(Command::new(rustc).arg("-vV")).stdout;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says its host").to_owned()
}

/// pkg-config's words for the package of this tree, without the tree's own path.
fn words(tree: &Path, args: &[&str]) -> BTreeSet<String> {
    let words = pkg_config_below(tree, args).into_iter();
    words.map(|word| word.replace(&*tree.to_string_lossy(), "PREFIX")).collect()
}

#[test]
fn installs_what_make_does() {
    let (ours, theirs) = (prefix(), &*installed());
    let mut expected = files_below(ours);
    // The other library is not cargo-c's, nor are its pages.
    let pages = succeed(Command::new(root().join("scripts/man-pages")).arg("aionotify")).stdout;
    expected.retain(|file| match file.strip_prefix("share/man/man3/") {
        Some(page) => pages.lines().any(|line| line == page),
        None => !file.contains("aiocontext"),
    });
    assert_eq!(files_below(theirs), expected);
    for header in files_below(&ours.join("include")) {
        let header = Path::new("include").join(header);
        assert_eq!(read(&theirs.join(&header)), read(&ours.join(&header)), "{header:?}");
    }

    for name in ["libaionotify.so", "libaionotify.so.0"] {
        let name = Path::new("lib").join(name);
        let file = |tree: &Path| {
            let file = fs::canonicalize(tree.join(&name)).expect("the link leads to a file");
            file.file_name().expect("a file has a name").to_owned()
        };
        assert_eq!(file(theirs), file(ours));
        assert_eq!(elf::soname(&theirs.join(&name)), elf::soname(&ours.join(&name)));
        assert_eq!(elf::needed(&theirs.join(&name)), elf::needed(&ours.join(&name)));
        assert_eq!(elf::exports(&theirs.join(&name)), elf::exports(&ours.join(&name)));
        assert_eq!(elf::weaknesses(&theirs.join(&name)), [""; 0]);
    }
    let archive = Path::new("lib/libaionotify.a");
    assert_eq!(
        elf::archive_exports(&theirs.join(archive)),
        elf::archive_exports(&ours.join(archive))
    );

    for args in [["--cflags"], ["--libs"], ["--modversion"]] {
        assert_eq!(words(theirs, &args), words(ours, &args));
    }
    // Where it is static, cargo-c's has libc's libraries and GLib's as well; they do no harm.
    let linked = words(theirs, &["--static", "--libs"]);
    let missing: Vec<String> =
        words(ours, &["--static", "--libs"]).difference(&linked).cloned().collect();
    assert_eq!(missing, [""; 0]);

    links(theirs);
}

/// A program can be linked with both libraries, and runs.
fn links(tree: &Path) {
    let source = scratch("programs").join("notify.c");
    write(
        &source,
        "#include \"block/aio.h\"\n\
         int main(void)\n\
         {\n\
             static AioContext ctx;\n\
             aio_notify(&ctx);\n\
             return event_notifier_init(&ctx.notifier, 1) ||\n\
                    event_notifier_test_and_clear(&ctx.notifier) != 1;\n\
         }\n",
    );
    for library in ["libaionotify.so", "libaionotify.a"] {
        let built = source.with_file_name(library.replace("lib", "with-"));
        let lib = tree.join("lib");
        let mut command = compiler();
        command
            .args(pkg_config_below(tree, &["--cflags"]))
            .arg(&source)
            .arg(lib.join(library))
            .arg(format!("-Wl,-rpath,{}", lib.display()))
            .arg("-o")
            .arg(&built);
        succeed(&mut command);
        assert!(output(&mut program(&built)).status.success(), "{library}");
    }
}
