//! Gives the shared library its SONAME (`AIONOTIFY_LIBNAME` is for a program's own build)
//! and its hardening; gathers the manual pages for cargo-c.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=AIONOTIFY_LIBNAME");
    let name = env::var("AIONOTIFY_LIBNAME").unwrap_or_default();
    let name = if name.is_empty() { "aionotify" } else { &name };
    if let Err(reason) = check(name) {
        eprintln!("libaionotify: cannot build: LIBNAME: {reason}");
        return ExitCode::FAILURE;
    }
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // The number changes when a program linked before would no longer work.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,lib{name}.so.0");
        for arg in ["-z,relro", "-z,now", "-z,noexecstack", "-z,defs"] {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{arg}");
        }
    }
    // cargo-c turns it on, and installs what is in this folder.
    if env::var_os("CARGO_FEATURE_CAPI").is_some() {
        println!("cargo:rerun-if-changed=../man");
        let pages = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("man3");
        fs::create_dir_all(&pages).expect("cargo's folder can be written");
        let script = Command::new("../scripts/man-pages").arg("aionotify").arg(pages).status();
        assert!(script.is_ok_and(|status| status.success()), "scripts/man-pages has failed");
    }
    ExitCode::SUCCESS
}

/// Whether a library can have this name; it becomes a part of files' names, and of the linker's flags.
fn check(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    if !name.chars().all(fits) {
        return Err(format!(
            "expected letters, digits and ._+-, found {name:?}; name it otherwise"
        ));
    }
    if name == "aiocontext" {
        return Err(format!(
            "expected a name of its own, found {name:?}, the other library's; name it otherwise"
        ));
    }
    Ok(())
}
