//! The installed libaiocontext: what it exports and imports, its names and hardening.

use std::path::{Path, PathBuf};
use std::{env, fs};

use capi_tests::{abi, elf, prefix, read, root, Patched};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn shared() -> PathBuf {
    prefix().join("lib/libaiocontext.so")
}

/// `library.rs` shows that the comparison notices a change.
#[test]
fn exports_are_the_listed_ones() {
    assert_eq!(abi::changes("aiocontext", &elf::exports(&shared())), [""; 0]);
    let archive = prefix().join("lib/libaiocontext.a");
    assert_eq!(abi::changes("aiocontext", &elf::archive_exports(&archive)), [""; 0]);
}

/// What the library may use of the program, or do without.
const OF_THE_PROGRAM: &[&str] = &[
    "cpu_get_clock",
    "cpu_get_icount",
    "error_set_errno",
    "qemu_clock_warp",
    "qemu_coroutine_enter",
    "qemu_coroutine_self",
    "qemu_coroutine_yield",
    "qemu_get_aio_context",
    "qemu_in_coroutine",
    "qemu_notify_event",
    "qemu_set_fd_handler",
    "use_icount",
];

#[test]
fn the_programs_symbols_are_imported_weakly() {
    let strong: Vec<_> =
        OF_THE_PROGRAM.iter().filter(|name| !elf::imports_weakly(&shared(), name)).collect();
    assert!(strong.is_empty(), "not imported, or not weakly: {strong:?}");
}

/// The loader must bind what one component calls of another, so that a program's definition is the
/// one that is called.
#[test]
fn calls_between_components_are_bound_by_the_loader() {
    let bound = elf::bound(&shared());
    let imports = headers::imports(root()).expect("the components' imports");
    assert!(imports.len() > 30, "only {} imports", imports.len());
    let missing: Vec<_> = imports.iter().filter(|import| !bound.contains(&import.name)).collect();
    assert!(missing.is_empty(), "bound when the library was linked, or not called: {missing:?}");
}

#[test]
fn components_find_each_others_hidden_names() {
    assert_eq!(elf::missing(&shared(), "aiocontext_"), [""; 0]);
    // `scripts/cross` has what it takes to build for another machine.
    if env::var_os("AIONOTIFY_TARGET").is_some() {
        return;
    }
    // With an object for each module: a weak reference takes none out of an archive.
    let copy = Patched::of_loop("debug");
    let built = copy.build("dev");
    assert!(built.status.success(), "{}", built.stderr);
    assert_eq!(elf::missing(&copy.library("debug", "libaiocontext.so"), "aiocontext_"), [""; 0]);
}

/// They know each other by symbols only.
#[test]
fn no_component_depends_on_another() {
    let components = abi::components("aiocontext");
    for component in &components {
        let path = root().join("libaiocontext").join(&component.name).join("Cargo.toml");
        let manifest = read(&path);
        let (_, dependencies) = manifest.split_once("[dependencies]").expect("it has some");
        let dependencies = dependencies.split("\n[").next().expect("a table ends");
        for other in &components {
            let line = format!("\naiocontext-{} ", other.name);
            assert!(!dependencies.contains(&line), "{} depends on {}", component.name, other.name);
        }
    }
}

/// Functions that only their own component calls, by another name: nothing is left to bind.
#[test]
fn calls_within_a_component_are_not() {
    let bound = elf::bound(&shared());
    for name in ["aio_set_fd_handler", "thread_pool_submit_aio", "timer_del", "timer_mod_ns"] {
        assert!(!bound.contains(name), "{name}");
    }
}

#[test]
fn soname_and_links_have_the_version() {
    assert_eq!(elf::soname(&shared()), ["libaiocontext.so.0"]);
    let lib = prefix().join("lib");
    let link = |name: &str| fs::read_link(lib.join(name)).expect("a link");
    assert_eq!(link("libaiocontext.so"), Path::new("libaiocontext.so.0"));
    assert_eq!(link("libaiocontext.so.0"), PathBuf::from(format!("libaiocontext.so.{VERSION}")));
    assert!(lib.join(format!("libaiocontext.so.{VERSION}")).is_file());
}

/// The C library, the loader, the compiler's run-time library for Rust's own, and GLib.
#[test]
fn needs_only_libc_and_glib() {
    const KNOWN: &[&str] =
        &["libc.", "ld-linux", "ld-musl", "ld64", "ld.so", "libgcc_s.", "libglib-2.0."];
    let needed = elf::needed(&shared());
    let known = |library: &String| KNOWN.iter().any(|name| library.starts_with(name));
    assert!(needed.iter().all(known), "{needed:?}");
    assert!(needed.iter().any(|library| library.starts_with("libglib-2.0.")), "{needed:?}");
}

#[test]
fn library_is_hardened() {
    assert_eq!(elf::weaknesses(&shared()), [""; 0]);
}

/// A worker may still be on its way out of it.
#[test]
fn library_is_never_unloaded() {
    assert!(elf::stays_loaded(&shared()));
    // It has no threads, and nothing points to it behind its calls.
    assert!(!elf::stays_loaded(&prefix().join("lib/libaionotify.so")));
}
