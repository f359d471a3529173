//! The build script lets the platforms pass that the library works on, and stops the others with
//! the reason.

use std::path::PathBuf;
use std::process::Command;

use capi_tests::{output, root, scratch, succeed, Finished};

/// The build script, compiled for the machine that the tests run on.
fn build_script() -> PathBuf {
    let script = scratch("platform").join("build-script");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let source = root().join("build.rs");
    succeed(Command::new(rustc).args(["--edition", "2021"]).arg(source).arg("-o").arg(&script));
    script
}

/// Runs it as cargo would for a platform.
fn run(family: &str, atomics: &str, pointer_width: &str) -> Finished {
    let mut command = Command::new(build_script());
    command
        .env("TARGET", "some-platform")
        .env("CARGO_CFG_TARGET_FAMILY", family)
        .env("CARGO_CFG_TARGET_HAS_ATOMIC", atomics)
        .env("CARGO_CFG_TARGET_POINTER_WIDTH", pointer_width);
    output(&mut command)
}

#[test]
fn passes_and_stops() {
    let all = "128,16,32,64,8,ptr";
    for (family, atomics, width) in
        [("unix", all, "64"), ("unix", "16,32,8,ptr", "32"), ("wasm,unix", all, "64")]
    {
        let finished = run(family, atomics, width);
        assert!(finished.status.success(), "{family} {atomics} {width}: {}", finished.stderr);
        assert_eq!(finished.stderr, "");
    }
    for (family, atomics, width, reason) in [
        ("windows", all, "64", "it needs a Unix system (poll, and eventfd or pipes)"),
        ("", all, "64", "it needs a Unix system (poll, and eventfd or pipes)"),
        ("unix", "16,64,8,ptr", "64", "it needs atomic operations on 8 and on 32 bits"),
        ("unix", "16,32,64,ptr", "64", "it needs atomic operations on 8 and on 32 bits"),
        ("unix", "", "64", "it needs atomic operations on 8 and on 32 bits"),
        ("unix", all, "16", "it needs pointers of 32 or 64 bits"),
    ] {
        let finished = run(family, atomics, width);
        assert!(!finished.status.success(), "{family} {atomics} {width}");
        assert_eq!(
            finished.stderr,
            format!("aio-notify: cannot build for some-platform: {reason}\n")
        );
    }
}
