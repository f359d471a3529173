//! Gives the shared library its SONAME (`AIONOTIFY_LIBNAME` is for a program's own build)
//! and its hardening.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=AIONOTIFY_LIBNAME");
    let name = env::var("AIONOTIFY_LIBNAME").unwrap_or_default();
    let name = if name.is_empty() { "aionotify" } else { &name };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    assert!(name.chars().all(fits), "LIBNAME: expected letters, digits and ._+-, found {name:?}");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // The number changes when a program linked before would no longer work.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,lib{name}.so.0");
        for arg in ["-z,relro", "-z,now", "-z,noexecstack", "-z,defs"] {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{arg}");
        }
    }
}
