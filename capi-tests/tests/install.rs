//! `make install`, `make uninstall`, and what pkg-config tells a user's compiler.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use capi_tests::{
    abi, files_below, output, pkg_config, prefix, read, root, scratch, succeed, write, Host,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn pkg_config_has_the_compilers_flags() {
    let own = format!("-I{}", prefix().join("include/aionotify").display());
    let mut expected = vec![own];
    expected.extend(pkg_config(&["--cflags", "glib-2.0"]));
    assert_eq!(pkg_config(&["--cflags"]), expected);
    assert!(expected.len() > 1, "GLib's headers are found without a flag?");
}

/// Also where all is linked statically: nothing needs GLib's library.
#[test]
fn pkg_config_has_the_linkers_flags() {
    let expected = [format!("-L{}", prefix().join("lib").display()), "-laionotify".to_owned()];
    assert_eq!(pkg_config(&["--libs"]), expected);
    assert_eq!(pkg_config(&["--static", "--libs"]), expected);
}

/// GLib's flags are those of its own package, which ours requires.
#[test]
fn pkg_config_has_the_loops_flags() {
    let own = |flag: &str, folder: &str| format!("{flag}{}", prefix().join(folder).display());
    let mut expected = vec![own("-I", "include/aionotify")];
    expected.extend(pkg_config(&["--cflags", "glib-2.0"]));
    assert_eq!(pkg_config(&["--cflags", "aiocontext"]), expected);

    let libraries = |package: &str| pkg_config(&["--libs", package]);
    let mut expected = vec![own("-L", "lib"), "-laiocontext".to_owned()];
    expected.extend(libraries("glib-2.0"));
    assert_eq!(libraries("aiocontext"), expected);

    let r#static = pkg_config(&["--static", "--libs", "aiocontext"]);
    let of_glib = pkg_config(&["--static", "--libs", "glib-2.0"]);
    assert_eq!(r#static[..2], expected[..2]);
    assert!(r#static.ends_with(&of_glib), "{static:?} does not end in {of_glib:?}");
    assert_eq!(pkg_config(&["--modversion", "aiocontext"]), [VERSION]);
}

#[test]
fn pkg_config_has_the_version_and_can_be_moved() {
    assert_eq!(pkg_config(&["--modversion"]), [VERSION]);
    let moved = pkg_config(&["--define-variable=prefix=/moved", "--cflags", "--libs"]);
    for flag in ["-I/moved/include/aionotify", "-L/moved/lib"] {
        assert!(moved.iter().any(|word| word == flag), "{moved:?}");
    }
}

/// make with the variables of a packager.
fn make(target: &str, destination: &Path) {
    make_of(target, destination, &[]);
}

/// Each install writes the same files on its way.
static MAKING: Mutex<()> = Mutex::new(());

/// The same, of some libraries.
fn make_of(target: &str, destination: &Path, words: &[&str]) {
    run_make(target, destination, words, None);
}

/// The same for a library of this name, which is built for a program's headers and in a folder of its own.
fn make_named(target: &str, destination: &Path, name: &str) {
    let flags = Host::new("loop-2.4", &[], "2.4").flags.join(" ");
    let words = [
        "LIBRARIES=aionotify".to_owned(),
        "GENERATION=2.4".to_owned(),
        format!("HOST_CFLAGS={flags}"),
        format!("LIBNAME={name}"),
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run_make(target, destination, &words, Some(scratch("host-target")));
}

fn run_make(target: &str, destination: &Path, words: &[&str], build: Option<PathBuf>) {
    let _making = MAKING.lock();
    let mut make = Command::new("make");
    // Without what a make around the tests has been told.
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PREFIX"] {
        make.env_remove(variable);
    }
    make.current_dir(root()).arg(target).arg(format!("DESTDIR={}", destination.display())).args([
        "PREFIX=/opt/p",
        "LIBDIR=/opt/p/lib/triple",
        "INCLUDEDIR=/opt/headers",
        "MANDIR=/opt/p/man",
    ]);
    if let Some(build) = build {
        make.env("CARGO_TARGET_DIR", build);
    }
    succeed(make.args(words));
}

#[test]
fn install_heeds_the_variables_and_uninstall_takes_all_away() {
    // Both write to the same file on the way, so not at the same time.
    prefix();
    let destination = scratch("destination");
    fs::remove_dir_all(&destination).expect("a writable folder");
    make("install", &destination);

    let mut expected = BTreeSet::new();
    for library in ["aionotify", "aiocontext"] {
        for name in [".a", ".so", ".so.0", &format!(".so.{VERSION}")] {
            expected.insert(format!("opt/p/lib/triple/lib{library}{name}"));
        }
        expected.insert(format!("opt/p/lib/triple/pkgconfig/{library}.pc"));
    }
    for header in files_below(&root().join("include")) {
        expected.insert(format!("opt/headers/aionotify/{header}"));
    }
    expected.insert("opt/headers/aionotify-tree/aionotify/target.h".to_owned());
    let pages = destination.join("opt/p/man/man3");
    expected.extend(files_below(&pages).iter().map(|page| format!("opt/p/man/man3/{page}")));
    assert_eq!(files_below(&destination), expected);
    for library in ["aionotify", "aiocontext"] {
        has_pages(&pages, library);
    }

    for library in ["aionotify", "aiocontext"] {
        let pc = read(&destination.join(format!("opt/p/lib/triple/pkgconfig/{library}.pc")));
        for line in ["prefix=/opt/p", "libdir=${prefix}/lib/triple", "includedir=/opt/headers"] {
            assert!(pc.lines().any(|l| l == line), "no {line} in:\n{pc}");
        }
        assert!(!pc.contains(&*destination.to_string_lossy()), "DESTDIR is in:\n{pc}");
    }

    // Somebody else's files stay.
    let others = ["opt/headers/other.h", "opt/p/lib/triple/libother.so", "opt/p/man/man3/other.3"];
    for other in others {
        write(&destination.join(other), "");
    }
    make("uninstall", &destination);
    assert_eq!(files_below(&destination), BTreeSet::from(others.map(str::to_owned)));
    assert!(!destination.join("opt/headers/aionotify").exists());
}

/// One library goes, and the other has all that it shares with it.
#[test]
fn uninstall_of_one_library_leaves_the_other_whole() {
    prefix();
    let (all, alone) = (scratch("uninstall-one"), scratch("uninstall-alone"));
    for (gone, stays) in [("aionotify", "aiocontext"), ("aiocontext", "aionotify")] {
        for folder in [&all, &alone] {
            fs::remove_dir_all(folder).expect("a writable folder");
        }
        let tool = "opt/p/bin/aionotify-check";
        write(&all.join(tool), "");
        make("install", &all);
        make_of("uninstall", &all, &[&format!("LIBRARIES={gone}")]);
        make_of("install", &alone, &[&format!("LIBRARIES={stays}")]);
        let mut expected = files_below(&alone);
        expected.insert(tool.to_owned());
        assert_eq!(files_below(&all), expected, "{gone} is gone");
        make_of("uninstall", &all, &[&format!("LIBRARIES={stays}")]);
        assert_eq!(files_below(&all), BTreeSet::new());
    }
    // A library for a program has headers of its own.
    make("install", &all);
    make_named("install", &all, "aionotify-mine");
    make_named("uninstall", &all, "aionotify-mine");
    make("install", &alone);
    assert_eq!(files_below(&all), files_below(&alone));
}

/// Two libraries for programs in one prefix: the first that goes leaves what the other shares.
#[test]
fn uninstall_leaves_pages_and_tool_to_a_library_of_another_name() {
    prefix();
    let both = scratch("uninstall-named");
    fs::remove_dir_all(&both).expect("a writable folder");
    make_named("install", &both, "aionotify-one");
    let tool = "opt/p/bin/aionotify-check";
    write(&both.join(tool), "");
    let alone = files_below(&both);
    make_named("install", &both, "aionotify-two");
    make_named("uninstall", &both, "aionotify-two");
    assert_eq!(files_below(&both), alone);
    make_named("uninstall", &both, "aionotify-one");
    assert_eq!(files_below(&both), BTreeSet::new());
}

/// libaiocontext is not built from a program's headers; that is not ignored in silence.
#[test]
fn libaiocontext_is_refused_for_a_programs_headers() {
    for words in [
        ["LIBRARIES=aiocontext", "all"],
        ["LIBRARIES=aionotify aiocontext", "all"],
        ["all", "aiocontext"],
    ] {
        for host in ["HOST_CFLAGS=-I/nowhere", "HOST_COMPILE_COMMANDS=/nowhere"] {
            let mut make = Command::new("make");
            for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
                make.env_remove(variable);
            }
            make.current_dir(root()).args(["-n", "GENERATION=2.4", host]).args(words);
            let finished = output(&mut make);
            assert!(!finished.status.success(), "{finished:?}");
            let words = "libaiocontext has one layout, and is not built from a program's headers";
            assert!(finished.stderr.contains(words), "{finished:?}");
        }
    }
}

/// The folder has a page for each export of the library, whole or as a link to one that is there.
fn has_pages(folder: &Path, library: &str) {
    for symbol in abi::symbols(library) {
        let text = read(&folder.join(format!("{symbol}.3")));
        if let Some(page) = text.strip_prefix(".so man3/") {
            assert!(read(&folder.join(page.trim_end())).starts_with(".TH"), "{symbol}");
        }
    }
}

#[test]
fn each_library_installs_its_own_pages_only() {
    for (library, other) in [("aionotify", "aiocontext"), ("aiocontext", "aionotify")] {
        let pages = scratch("pages").join(library);
        fs::create_dir_all(&pages).expect("a writable folder");
        succeed(Command::new(root().join("scripts/man-pages")).arg(library).arg(&pages));
        has_pages(&pages, library);
        let own = abi::symbols(library);
        for symbol in abi::symbols(other).difference(&own) {
            assert!(!pages.join(format!("{symbol}.3")).exists(), "{library} has {symbol}.3");
        }
    }
}
