//! The installed libaionotify: what it exports and imports, its names, size and hardening.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{abi, compiler, elf, prefix, scratch, succeed, write};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn shared() -> PathBuf {
    prefix().join("lib/libaionotify.so")
}

/// A shared library made by the C compiler with these flags.
fn other_library(name: &str, text: &str, flags: &[&str]) -> PathBuf {
    let source = scratch("other").join(format!("{name}.c"));
    let library = source.with_extension("so");
    write(&source, text);
    succeed(compiler().args(["-shared", "-fPIC"]).args(flags).arg(&source).arg("-o").arg(&library));
    library
}

#[test]
fn exports_are_the_listed_ones() {
    assert_eq!(abi::changes("aionotify", &elf::exports(&shared())), [""; 0]);
    let archive = prefix().join("lib/libaionotify.a");
    assert_eq!(abi::changes("aionotify", &elf::archive_exports(&archive)), [""; 0]);
}

#[test]
fn a_changed_export_is_noticed() {
    let mut functions = abi::symbols("aionotify");
    assert!(functions.remove("event_notifier_set"));
    functions.insert("aio_extra".to_owned());
    let text: String = functions.iter().map(|name| format!("void {name}(void) {{}}\n")).collect();
    let library = other_library("symbols", &text, &[]);
    let changes = abi::changes("aionotify", &elf::exports(&library));
    assert_eq!(changes, ["+aio_extra", "-event_notifier_set"]);
}

#[test]
fn the_programs_function_is_imported_weakly() {
    assert!(elf::imports_weakly(&shared(), "qemu_set_fd_handler"));
    let text = "int abort_(void); int abort_(void) { extern int qemu_set_fd_handler(void); \
                return qemu_set_fd_handler(); }\n";
    assert!(!elf::imports_weakly(&other_library("strong", text, &[]), "qemu_set_fd_handler"));
}

/// The offset in a cache line, at which a function starts.
fn offset_in_line(library: &Path, function: &str) -> u64 {
    elf::address(library, function).expect("it is exported") % 64
}

#[test]
fn hot_functions_start_a_cache_line() {
    assert_eq!(offset_in_line(&shared(), "aio_notify"), 0);
    assert_eq!(offset_in_line(&shared(), "aio_notify_accept"), 0);
    let text = "void f(void); void f(void) {}\n__asm__(\".text\\n.balign 64\\n.globl g\\n.type g, \
                %function\\n.skip 48\\ng: .skip 16\\n\");\n";
    assert_eq!(offset_in_line(&other_library("line", text, &[]), "g"), 48);
}

#[test]
fn soname_and_links_have_the_version() {
    assert_eq!(elf::soname(&shared()), ["libaionotify.so.0"]);
    let lib = prefix().join("lib");
    let link = |name: &str| fs::read_link(lib.join(name)).expect("a link");
    assert_eq!(link("libaionotify.so"), Path::new("libaionotify.so.0"));
    assert_eq!(link("libaionotify.so.0"), PathBuf::from(format!("libaionotify.so.{VERSION}")));
    assert!(lib.join(format!("libaionotify.so.{VERSION}")).is_file());
}

/// The C library, and the loader, which some architectures name as well.
fn is_libc(library: &str) -> bool {
    ["libc.", "ld-linux", "ld-musl", "ld64", "ld.so"].iter().any(|name| library.starts_with(name))
}

#[test]
fn needs_only_libc() {
    let needed = elf::needed(&shared());
    assert!(needed.iter().all(|library| is_libc(library)), "{needed:?}");
    let flags = ["-Wl,--no-as-needed", "-lm"];
    let with_libm = elf::needed(&other_library("libm", "int x;\n", &flags));
    assert!(!with_libm.iter().all(|library| is_libc(library)), "{with_libm:?}");
}

#[test]
fn library_is_hardened() {
    assert_eq!(elf::weaknesses(&shared()), [""; 0]);
}

#[test]
fn missing_hardening_is_noticed() {
    let hard = ["-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"];
    let weak = |name: &str, flag: &str| {
        // The reference to an address in the text needs a relocation there, in one of them.
        let text = match name {
            "text" => "int x; __asm__(\".text\\n.balign 8\\n.dc.a x\\n\");\n",
            _ => "int f(void); int f(void) { return 0; }\n",
        };
        let flags: Vec<&str> = hard.into_iter().chain([flag]).collect();
        elf::weaknesses(&other_library(name, text, &flags))
    };
    assert_eq!(weak("hard", "-Wl,-z,text"), [""; 0]);
    assert_eq!(weak("norelro", "-Wl,-z,norelro"), ["no RELRO"]);
    assert_eq!(weak("execstack", "-Wl,-z,execstack"), ["executable stack"]);
    assert_eq!(weak("lazy", "-Wl,-z,lazy"), ["lazy binding"]);
    assert_eq!(weak("text", "-Wl,-z,notext"), ["relocations in the text"]);
    assert_eq!(weak("rpath", "-Wl,-rpath,/nowhere"), ["library path"]);
}

#[test]
fn library_is_small() {
    let stripped = scratch("stripped").join("libaionotify.so");
    let strip = std::env::var_os("STRIP").unwrap_or_else(|| "strip".into());
    succeed(Command::new(strip).arg("--strip-all").arg("-o").arg(&stripped).arg(shared()));
    let size = fs::metadata(&stripped).expect("strip has written it").len();
    // Code and data lie in pages of their own; where pages are large, so is the gap.
    let gap = elf::page_size(&shared()) - 4096;
    assert!(size <= 32 * 1024 + gap, "the stripped library has {size} bytes");
}
