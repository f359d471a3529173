//! What readelf says about a library, of whatever architecture.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;

use crate::run::succeed;

/// An entry of the dynamic section.
#[derive(Debug)]
struct Dynamic {
    tag: String,
    value: String,
}

/// A symbol of the dynamic symbol table, or of an archive's members.
#[derive(Debug)]
struct Symbol {
    name: String,
    value: u64,
    binding: String,
    visibility: String,
    defined: bool,
}

fn readelf(options: &[&str], file: &Path) -> String {
    let mut command = Command::new(env::var_os("READELF").unwrap_or_else(|| "readelf".into()));
    command.env("LC_ALL", "C").arg("--wide").args(options).arg(file);
    succeed(&mut command).stdout
}

/// Lines like ` 0x000000000000000e (SONAME)  Library soname: [libaionotify.so.0]`.
fn dynamic(library: &Path) -> Vec<Dynamic> {
    let text = readelf(&["--dynamic"], library);
    let entries = text.lines().filter_map(|line| {
        let (tag, value) = line.split_once('(')?.1.split_once(')')?;
        Some(Dynamic { tag: tag.to_owned(), value: value.trim().to_owned() })
    });
    entries.collect()
}

/// Lines like `  12: 00000000000025d0  44 FUNC  GLOBAL DEFAULT  11 aio_notify`.
fn symbols(option: &str, file: &Path) -> Vec<Symbol> {
    let text = readelf(&[option], file);
    let symbols = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [number, value, _, _, binding, visibility, section, name, ..] = words[..] else {
            return None;
        };
        number.strip_suffix(':')?.parse::<u32>().ok()?;
        Some(Symbol {
            // Without the version.
            name: name.split('@').next().unwrap_or(name).to_owned(),
            value: u64::from_str_radix(value, 16).ok()?,
            binding: binding.to_owned(),
            visibility: visibility.to_owned(),
            defined: section != "UND",
        })
    });
    symbols.collect()
}

/// The values of a dynamic tag, without the words and brackets around them.
fn values(library: &Path, tag: &str) -> Vec<String> {
    let entries = dynamic(library).into_iter().filter(|entry| entry.tag == tag);
    let inner = |value: String| match value.split_once('[') {
        Some((_, rest)) => rest.trim_end_matches(']').to_owned(),
        None => value,
    };
    entries.map(|entry| inner(entry.value)).collect()
}

/// The library's name for those that are linked with it.
pub fn soname(library: &Path) -> Vec<String> {
    values(library, "SONAME")
}

/// The libraries that it needs.
pub fn needed(library: &Path) -> Vec<String> {
    values(library, "NEEDED")
}

/// Whether the library stays loaded when a program closes it.
pub fn stays_loaded(library: &Path) -> bool {
    dynamic(library).iter().any(|entry| entry.tag == "FLAGS_1" && entry.value.contains("NODELETE"))
}

/// The symbols that others can be linked with.
pub fn exports(library: &Path) -> BTreeSet<String> {
    visible(symbols("--dyn-syms", library))
}

/// The symbols of a static library that a C program can name: neither Rust's own, which are
/// mangled or say `rust_`, nor those of the compiler's run-time library, which are reserved.
pub fn archive_exports(library: &Path) -> BTreeSet<String> {
    let mut names = visible(symbols("--symbols", library));
    names.retain(|name| !["_ZN", "_R", "__", "rust_"].iter().any(|start| name.starts_with(start)));
    names
}

fn visible(symbols: Vec<Symbol>) -> BTreeSet<String> {
    let visible = symbols.into_iter().filter(|symbol| {
        symbol.defined && symbol.binding != "LOCAL" && symbol.visibility == "DEFAULT"
    });
    visible.map(|symbol| symbol.name).collect()
}

/// Where in the library the symbol is that it exports.
pub fn address(library: &Path, name: &str) -> Option<u64> {
    let mut symbols = symbols("--dyn-syms", library).into_iter().filter(|s| s.defined);
    symbols.find(|symbol| symbol.name == name).map(|symbol| symbol.value)
}

/// Whether the library imports the symbol weakly, so that a program may lack it.
pub fn imports_weakly(library: &Path, name: &str) -> bool {
    let mut symbols = symbols("--dyn-syms", library).into_iter().filter(|s| !s.defined);
    symbols.any(|symbol| symbol.name == name && symbol.binding == "WEAK")
}

/// The symbols of this kind that the library refers to, and neither has nor imports.
pub fn missing(library: &Path, prefix: &str) -> Vec<String> {
    let missing = symbols("--symbols", library).into_iter().filter(|symbol| !symbol.defined);
    missing.map(|symbol| symbol.name).filter(|name| name.starts_with(prefix)).collect()
}

/// The symbols that the loader binds when it loads the library: all that it imports, and those of
/// its own that another definition may take the place of.
pub fn bound(library: &Path) -> BTreeSet<String> {
    // Lines like `0000000000004fe0  0000000300000006 R_X86_64_GLOB_DAT  0000000000001119 aio_poll + 0`.
    let text = readelf(&["--relocs"], library);
    let names = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, name, ..] = words[..] else { return None };
        Some(name.split('@').next().unwrap_or(name).to_owned())
    });
    names.collect()
}

/// The words of the segments' lines: type, offset, two addresses, two sizes, flags, alignment.
fn segments(library: &Path) -> Vec<Vec<String>> {
    let text = readelf(&["--program-headers"], library);
    let lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect());
    lines.filter(|words: &Vec<String>| words.len() >= 8).collect()
}

/// The size of the pages that the library is laid out for.
pub fn page_size(library: &Path) -> u64 {
    let segments = segments(library).into_iter().filter(|words| words[0] == "LOAD");
    let alignments = segments.map(|words| {
        let hexadecimal = words.last().and_then(|word| word.strip_prefix("0x"));
        u64::from_str_radix(hexadecimal.expect("0x"), 16).expect("a number")
    });
    alignments.max().expect("a library is loaded")
}

/// The owners of the notes that are not the tools' own.
pub fn notes(file: &Path) -> Vec<String> {
    let text = readelf(&["--notes"], file);
    let owners = text.lines().filter(|line| line.contains("\t")).filter_map(|line| {
        let owner = line.split_whitespace().next()?;
        (line.starts_with("  ") && owner != "GNU" && owner != "Owner" && owner != "stapsdt")
            .then(|| owner.to_owned())
    });
    owners.filter(|owner| !owner.ends_with(':') && owner != "description").collect()
}

/// What the library lacks of the usual hardening.
pub fn weaknesses(library: &Path) -> Vec<&'static str> {
    let mut found = Vec::new();
    let segments = segments(library);
    let flags = |name: &str| {
        let words = segments.iter().find(|words| words[0] == name)?;
        Some(words[6..words.len() - 1].concat())
    };
    if flags("GNU_RELRO").is_none() {
        found.push("no RELRO");
    }
    if flags("GNU_STACK").is_none_or(|flags| flags.contains('E')) {
        found.push("executable stack");
    }
    let dynamic = dynamic(library);
    let has = |tag: &str, value: &str| {
        dynamic.iter().any(|entry| entry.tag == tag && entry.value.contains(value))
    };
    if !has("FLAGS", "BIND_NOW") && !has("FLAGS_1", "NOW") && !has("BIND_NOW", "") {
        found.push("lazy binding");
    }
    if has("TEXTREL", "") || has("FLAGS", "TEXTREL") {
        found.push("relocations in the text");
    }
    if has("RPATH", "") || has("RUNPATH", "") {
        found.push("library path");
    }
    found
}
