//! Stops the build, with the reason, on a platform where the library could not work.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    match unsupported() {
        None => ExitCode::SUCCESS,
        Some(reason) => {
            eprintln!("aio-notify: cannot build for {}: {reason}", cfg("TARGET"));
            ExitCode::FAILURE
        }
    }
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
