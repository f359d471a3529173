//! `LIBNAME`: no library is installed, and none removed, under a name that is another's.

use std::env;
use std::process::Command;

use capi_tests::{output, root, scratch};

/// What make says, which only prints what it would do.
fn plan(arguments: &[&str]) -> (bool, String) {
    let mut make = Command::new("make");
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        make.env_remove(variable);
    }
    let finished = output(make.current_dir(root()).arg("-n").args(arguments));
    (finished.status.success(), finished.stderr)
}

/// With the headers forgotten it would be the default library that gets the name of the program's own.
#[test]
fn make_refuses_a_name_without_a_programs_headers() {
    for goal in ["all", "install", "check", "uninstall"] {
        let (done, stderr) = plan(&[goal, "LIBNAME=aionotify-mine"]);
        assert!(!done, "{goal}");
        let words = "LIBNAME: expected HOST_COMPILE_COMMANDS or HOST_CFLAGS beside aionotify-mine";
        assert!(stderr.contains(words), "{goal}: {stderr}");
    }
    let headers = "HOST_CFLAGS=-I/no/such/tree";
    let commands = "HOST_COMPILE_COMMANDS=/no/such/tree/compile_commands.json";
    for arguments in [
        &["install", "LIBNAME=aionotify-mine", headers][..],
        &["install", "LIBNAME=aionotify-mine", commands],
        &["uninstall", "LIBNAME=aionotify-mine", headers],
        &["install", "LIBNAME=aionotify"],
    ] {
        let (done, stderr) = plan(arguments);
        assert!(done, "{arguments:?}: {stderr}");
    }
    let (done, stderr) = plan(&["install", "LIBNAME=", headers]);
    assert!(!done && stderr.contains("LIBNAME: expected a name, found none"), "{stderr}");
}

/// In one line, without a backtrace.
#[test]
fn the_build_refuses_a_name_that_no_library_can_have() {
    for (name, words) in [
        ("a/b", "expected letters, digits and ._+-, found \"a/b\""),
        ("a b", "expected letters, digits and ._+-, found \"a b\""),
        ("aiocontext", "expected a name of its own, found \"aiocontext\", the other library's"),
    ] {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(root())
            .args(["build", "--offline", "--release", "-p", "libaionotify"])
            .env("CARGO_TARGET_DIR", scratch("host-target"))
            .env_remove("AIONOTIFY_HOST_CFLAGS")
            .env("AIONOTIFY_LIBNAME", name)
            .env("RUST_BACKTRACE", "1");
        let finished = output(&mut cargo);
        assert!(!finished.status.success(), "{name}");
        let line = format!("libaionotify: cannot build: LIBNAME: {words}");
        assert_eq!(finished.stderr.matches(&line).count(), 1, "{}", finished.stderr);
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    }
}
