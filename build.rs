//! Stops the build, with the reason, on a platform where the library could not work, and for a
//! program whose headers do not fit; takes the layout from those headers otherwise.

#[cfg(feature = "host-headers")]
#[allow(dead_code, reason = "tools/host-report uses the rest")]
#[path = "build/host/mod.rs"]
mod host;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    for variable in HOST_VARIABLES {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let result = match unsupported() {
        None => for_host(),
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

/// What asks for the layout of a program's own headers.
const HOST_VARIABLES: &[&str] =
    &["AIONOTIFY_HOST_CFLAGS", "AIONOTIFY_HOST_HEADER", "AIONOTIFY_GENERATION"];

/// Without the feature there is the reference layout only: whoever asks for another must not get
/// that.
#[cfg(not(feature = "host-headers"))]
fn for_host() -> Result<(), String> {
    let set = |name: &&&str| env::var(name).is_ok_and(|text| !text.trim().is_empty());
    match HOST_VARIABLES.iter().find(set) {
        Some(&"AIONOTIFY_GENERATION") if cfg("AIONOTIFY_GENERATION").trim() == "2.4" => Ok(()),
        Some(name) => Err(format!(
            "{name} is set, which needs the feature host-headers; build with `make` and \
             HOST_CFLAGS, or add --features host-headers"
        )),
        None => Ok(()),
    }
}

#[cfg(feature = "host-headers")]
fn for_host() -> Result<(), String> {
    let Some(request) = host::Request::from_env(&cfg("TARGET"))? else { return Ok(()) };
    let headers = host::read(&request)?;
    for file in &headers.files {
        println!("cargo:rerun-if-changed={file}");
    }
    let layout = host::check(&headers, request.generation)?;
    let path = std::path::Path::new(&cfg("OUT_DIR")).join("host_layout.rs");
    std::fs::write(&path, layout.rust()).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("cargo:rustc-cfg=aionotify_host");
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
