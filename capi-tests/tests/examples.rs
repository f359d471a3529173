//! The programs of `examples/` compile and run as they stand there, and those that the README shows
//! are the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use capi_tests::{
    copy_tree, output, pkg_config, prefix, program, root, scratch, succeed, Finished, Linkage,
    Program,
};

fn example(name: &str) -> String {
    let path = root().join("examples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Builds a C example with one of the libraries, runs it, and returns what it says.
fn output_of(name: &str, package: &'static str, linkage: Linkage) -> String {
    let text = example(&format!("{name}.c"));
    let built = Program::with_text(&format!("example-{name}"), &text).flags(&["-D_GNU_SOURCE"]);
    let built = built.with(package).uses("glib-2.0").build(linkage);
    succeed(&mut program(&built)).stdout
}

fn run(name: &str, package: &'static str, said: &str) {
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        assert_eq!(output_of(name, package, linkage), said);
    }
}

#[test]
fn a_loop_of_its_own_is_woken() {
    run("poll_loop", "aionotify", "got 42\n");
}

#[test]
fn a_timer_schedules_a_bottom_half() {
    run("first_loop", "aiocontext", "done\n");
}

#[test]
fn a_context_runs_under_glib() {
    run("glib_source", "aiocontext", "in GLib's loop: scheduled by a thread\n");
}

#[test]
fn timers_handlers_bottom_halves_and_requests_share_a_loop() {
    let said = output_of("whole_loop", "aiocontext", Linkage::Dynamic);
    let (first, rest) = said.split_at(said.find("3: ").expect("there is a third step"));
    assert_eq!(first, "1: the timer is due\n2: the pipe is readable\n");
    // A worker schedules the bottom half before its request completes, which may be taken first.
    assert!(rest.contains(": the bottom half runs\n"), "{rest}");
    assert!(rest.contains(": the request has returned 42\n"), "{rest}");
}

#[test]
fn the_same_from_cplusplus() {
    let built = scratch("programs").join("whole_loop-cpp");
    let source = root().join("examples/whole_loop.cpp");
    let rpath = format!("-Wl,-rpath,{}", prefix().join("lib").display());
    succeed(
        Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()))
            .args(["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .args([&built, &source])
            .args(pkg_config(&["--cflags", "--libs", "aiocontext"]))
            .arg(rpath),
    );
    assert_eq!(succeed(&mut program(&built)).stdout, "scheduled by a thread\n");
}

#[test]
fn the_readme_shows_the_examples() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let shown: Vec<&str> = readme.split("```c\n").skip(1).collect();
    for (shown, name) in shown.iter().zip(["poll_loop.c", "first_loop.c"]) {
        let text = example(name);
        let (_, text) = text.split_once("*/\n").expect("it begins with a comment");
        assert!(shown.starts_with(&format!("{text}```")), "{name} is not as README.md has it");
    }
    assert_eq!(shown.len(), 2);
}

/// Runs a build tool in a copy of its project, with the example beside it.
fn project(tool: &str, configure: &[&str], build: &[&str]) -> Finished {
    let folder = scratch("projects").join(tool);
    let _ = fs::remove_dir_all(&folder);
    copy_tree(&root().join("examples").join(tool), &folder);
    fs::write(folder.join("first_loop.c"), example("first_loop.c")).expect("it can be written");
    for arguments in [configure, build] {
        succeed(in_folder(tool, &folder).args(arguments));
    }
    output(&mut program(&folder.join("build/first_loop")))
}

/// The tool finds the installed library as it would one below `/usr`.
fn in_folder(tool: &str, folder: &Path) -> Command {
    let lib = prefix().join("lib");
    let mut command = Command::new(tool);
    command
        .current_dir(folder)
        .env("PKG_CONFIG_PATH", lib.join("pkgconfig"))
        .env("LDFLAGS", format!("-Wl,-rpath,{}", lib.display()));
    command
}

#[test]
fn meson_finds_the_library() {
    let ran = project("meson", &["setup", "build"], &["compile", "-C", "build"]);
    assert_eq!(ran.stdout, "done\n");
}

#[test]
fn cmake_finds_the_library() {
    let ran = project("cmake", &["-B", "build"], &["--build", "build"]);
    assert_eq!(ran.stdout, "done\n");
}
