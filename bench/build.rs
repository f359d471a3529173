//! Compiles the C side: the columns of the table, each with the flags of its pkg-config file, and
//! the reference as a shared library of its own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed=AIONOTIFY_PREFIX");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let ours = ours();
    reference(&out, &ours);
    let own = ["ours", "ours_inline", "ours_foreign", "reference_peer"];
    let mut columns: Vec<_> = own.into_iter().map(|name| (name, ours.clone())).collect();
    columns.push(("eventfd", Vec::new()));
    if env::var_os("CARGO_FEATURE_PEERS").is_some() {
        columns.push(("libuv", probe("libuv")));
        columns.push(("libevent", [probe("libevent"), probe("libevent_pthreads")].concat()));
        columns.push(("glib", probe("glib-2.0")));
        // It has no pkg-config file.
        columns.push(("libev", Vec::new()));
        println!("cargo::rustc-link-lib=ev");
        loops(&out);
    }
    for (name, include) in columns {
        compiler().includes(include).file(format!("c/{name}.c")).compile(name);
    }
    // What is called is bound when the program starts, so that no call pays for it.
    println!("cargo::rustc-link-arg=-Wl,-z,now");
}

fn plain_compiler() -> cc::Build {
    let mut build = cc::Build::new();
    build.opt_level(2).debug(false).force_frame_pointer(false);
    build.std("gnu11").warnings_into_errors(true);
    build
}

fn compiler() -> cc::Build {
    let mut build = plain_compiler();
    build.define("_GNU_SOURCE", None);
    // So that no column's loop lies better than another's.
    build.flag_if_supported("-falign-functions=64").flag_if_supported("-falign-loops=64");
    build.flag_if_supported("-fno-plt");
    build
}

/// The installed library; returns its folders of headers.
fn ours() -> Vec<PathBuf> {
    // Where `make install-private` puts it by default.
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/installed");
    let prefix = env::var_os("AIONOTIFY_PREFIX").map_or_else(default, PathBuf::from);
    let library = prefix.join("lib");
    env::set_var("PKG_CONFIG_PATH", library.join("pkgconfig"));
    println!("cargo::rerun-if-changed={}", library.join("libaionotify.so").display());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", library.display());
    probe("aionotify")
}

/// A library of the system.
fn probe(name: &str) -> Vec<PathBuf> {
    pkg_config::Config::new().probe(name).unwrap_or_else(|e| panic!("{e}")).include_paths
}

fn reference(out: &Path, include: &[PathBuf]) {
    let library = out.join("libreference.so");
    let mut command: Command = plain_compiler().includes(include).get_compiler().to_command();
    command.args(["-shared", "-fPIC", "-Wl,-soname,libreference.so", "c/reference.c", "-o"]);
    let compiled = command.arg(&library).status();
    assert!(compiled.is_ok_and(|status| status.success()), "{command:?}");
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=dylib=reference");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", out.display());
}

/// The programs of `c/loop`, with the flags that a user's would have.
fn loops(out: &Path) {
    for (program, source, flags, package) in [
        ("loop-ours", "ours", &[][..], Some("aiocontext")),
        ("loop-ours-glib", "ours", &["-DUNDER_GLIB"], Some("aiocontext")),
        ("loop-libuv", "libuv", &[], Some("libuv")),
        ("loop-libev", "libev", &["-lev"], None),
        ("loop-glib", "glib", &[], Some("glib-2.0")),
    ] {
        let mut command: Command = plain_compiler().get_compiler().to_command();
        command.arg("-D_GNU_SOURCE").arg("-pthread").arg(format!("c/loop/{source}.c"));
        if let Some(package) = package {
            let config = pkg_config::Config::new().cargo_metadata(false).probe(package);
            let config = config.unwrap_or_else(|e| panic!("{e}"));
            for folder in &config.include_paths {
                command.arg(format!("-I{}", folder.display()));
            }
            for folder in &config.link_paths {
                command.arg(format!("-L{0}", folder.display()));
                command.arg(format!("-Wl,-rpath,{}", folder.display()));
            }
            command.args(config.libs.iter().map(|library| format!("-l{library}")));
        }
        let compiled = command.args(flags).arg("-o").arg(out.join(program)).status();
        assert!(compiled.is_ok_and(|status| status.success()), "{command:?}");
    }
}
