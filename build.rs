//! Stops the build, with the reason, on a platform where the library could not work, and for a
//! program whose headers do not fit; takes the layout from those headers otherwise. Makes the proofs
//! of the reference's layout, and the name of the symbol that says it, from the target's table.

#[cfg(feature = "host-headers")]
#[allow(dead_code, reason = "tools/host-report uses the rest")]
#[path = "build/host/mod.rs"]
mod host;
#[path = "build/layout_symbol.rs"]
mod layout_symbol;

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    for variable in HOST_VARIABLES {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let result = match unsupported() {
        None => reference().and_then(|()| for_host()),
        Some(reason) => Err(reason.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("aio-notify: cannot build for {}: {reason}", cfg("TARGET"));
            ExitCode::FAILURE
        }
    }
}

/// Writes assertions of the figures in `src/abi/layout/ARCHITECTURE`, and the symbol of its layout; none
/// where there is no table.
fn reference() -> Result<(), String> {
    let table = Path::new("src/abi/layout").join(cfg("CARGO_CFG_TARGET_ARCH"));
    println!("cargo:rerun-if-changed=src/abi/layout");
    // The tables are for glibc, and not for x32, which is an "x86_64" too.
    let is_known = cfg("CARGO_CFG_TARGET_OS") == "linux"
        && cfg("CARGO_CFG_TARGET_ENV") == "gnu"
        && !cfg("CARGO_CFG_TARGET_ABI").ends_with("32")
        && table.exists();
    if !is_known {
        write("symbol.rs", &symbol_macro(""))?;
        return write("layout.rs", "");
    }
    let text = fs::read_to_string(&table).map_err(|e| format!("{}: {e}", table.display()))?;
    let mut proofs = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let row = assertions(line).ok_or_else(|| format!("{}: {line}", table.display()))?;
        proofs.push_str(&row);
    }
    let name = symbol(&text).ok_or_else(|| format!("{}: too few lines", table.display()))?;
    write_symbol(&name)?;
    write("layout.rs", &proofs)
}

/// The assertions of a line `STRUCT SIZE/ALIGNMENT MEMBER@OFFSET...`.
fn assertions(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let (size, align) = words.next()?.split_once('/')?;
    let mut text = String::new();
    for (what, figure) in [("size_of", size), ("align_of", align)] {
        writeln!(text, "const _: () = assert!(core::mem::{what}::<{name}>() == {figure});").ok()?;
    }
    for word in words {
        let (member, offset) = word.split_once('@')?;
        let what = format!("core::mem::offset_of!({name}, {member})");
        writeln!(text, "const _: () = assert!({what} == {offset});").ok()?;
    }
    Some(text)
}

/// The name of the symbol that says the reference's layout; `Layout::symbol` has that of a program's own.
fn symbol(table: &str) -> Option<String> {
    let row = |name: &str| table.lines().find(|line| line.split(' ').next() == Some(name));
    let context = row("AioContext")?;
    let offset =
        |name: &str| context.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('@'));
    let (notify_me, notified) = (offset("notify_me")?, offset("notified")?);
    let notifier = offset("notifier")?;
    let (size, _) = row("EventNotifier")?.split(' ').nth(1)?.split_once('/')?;
    Some(layout_symbol::name("24", [notify_me, notified, notifier, size]))
}

/// Writes the macro that defines the symbol with which a program of this layout is linked. A program
/// with another layout asks for another name, which the linker does not find.
fn write_symbol(name: &str) -> Result<(), String> {
    let item = format!(
        "/// That the layout is the program's.\n#[export_name = {name:?}]\npub static FITS: u8 = 0;"
    );
    write("symbol.rs", &symbol_macro(&item))
}

fn symbol_macro(item: &str) -> String {
    format!(
        "#[doc(hidden)]\n#[macro_export]\nmacro_rules! symbol_of_layout {{\n() => {{ {item} }};\n}}\n"
    )
}

/// Writes a file for `include!`.
fn write(name: &str, text: &str) -> Result<(), String> {
    let path = Path::new(&cfg("OUT_DIR")).join(name);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// What asks for the layout of a program's own headers.
const HOST_VARIABLES: &[&str] = &[
    "AIONOTIFY_HOST_CFLAGS",
    "AIONOTIFY_HOST_COMPILE_COMMANDS",
    "AIONOTIFY_HOST_DIR",
    "AIONOTIFY_HOST_HEADER",
    "AIONOTIFY_HOST_SOURCE",
    "AIONOTIFY_GENERATION",
];

/// Without the feature there is the reference layout only: a build that asks for another must not get
/// that.
#[cfg(not(feature = "host-headers"))]
fn for_host() -> Result<(), String> {
    let set = |name: &&&str| env::var(name).is_ok_and(|text| !text.trim().is_empty());
    match HOST_VARIABLES.iter().find(set) {
        Some(&"AIONOTIFY_GENERATION") if cfg("AIONOTIFY_GENERATION").trim() == "2.4" => Ok(()),
        Some(name) => Err(format!(
            "{name} is set, which needs the feature host-headers; build with `make` and \
             HOST_COMPILE_COMMANDS or HOST_CFLAGS, or add --features host-headers"
        )),
        None => Ok(()),
    }
}

#[cfg(feature = "host-headers")]
fn for_host() -> Result<(), String> {
    let Some(request) = host::Request::from_env(&cfg("TARGET"))? else { return Ok(()) };
    let headers = host::read(&request)?;
    let commands = request.compile_commands.iter().map(|(file, _)| file.display().to_string());
    for file in headers.files.iter().cloned().chain(commands) {
        println!("cargo:rerun-if-changed={file}");
    }
    let layout = host::check(&headers, &request)?;
    write("host_layout.rs", &layout.rust())?;
    write_symbol(&layout.symbol())?;
    println!("cargo:rustc-cfg=aionotify_host");
    if layout.set_handler {
        println!("cargo:rustc-cfg=aionotify_set_handler");
    }
    println!("cargo:rustc-cfg=aionotify_generation=\"{}\"", layout.generation.name());
    Ok(())
}

/// What the target lacks, or `None` where the library is at home.
fn unsupported() -> Option<&'static str> {
    let has = |list: &str, item: &str| cfg(list).split(',').any(|entry| entry == item);
    if !has("CARGO_CFG_TARGET_FAMILY", "unix") {
        return Some("it needs a Unix system (poll, and eventfd or pipes)");
    }
    if !has("CARGO_CFG_TARGET_HAS_ATOMIC", "8") || !has("CARGO_CFG_TARGET_HAS_ATOMIC", "32") {
        return Some("it needs atomic operations on 8 and on 32 bits");
    }
    if !matches!(cfg("CARGO_CFG_TARGET_POINTER_WIDTH").as_str(), "32" | "64") {
        return Some("it needs pointers of 32 or 64 bits");
    }
    None
}

fn cfg(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
