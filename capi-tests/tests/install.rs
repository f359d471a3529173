//! `make install`, `make uninstall`, and what pkg-config tells a user's compiler.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use capi_tests::{abi, files_below, pkg_config, prefix, read, root, scratch, succeed, write};

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
    succeed(&mut make);
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
