//! Gives the shared library its SONAME and its hardening, and keeps it loaded.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // The number changes when a program linked before would no longer work.
        for arg in ["-soname,libaiocontext.so.0", "-z,relro", "-z,now", "-z,noexecstack", "-z,defs"]
        {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{arg}");
        }
        // `dlclose` does not unload it: a pool's workers return through its code, behind all that
        // anybody can wait for.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
