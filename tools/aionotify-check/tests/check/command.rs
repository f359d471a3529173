//! The tool as a command: its output, its errors, its own file, and programs of another machine.

use std::path::Path;
use std::process::Command;

use capi_tests::{compiler, output, prefix, root, scratch, succeed, write, Linkage, Program};

use super::asked::{run, unknown};
use super::programs::*;

/// One object, whose status is the exit status.
#[test]
fn json_has_all_that_is_said() {
    let own = object("json", ACCEPT);
    let clean = object("json-clean", NO_ACCEPT);
    let finished = run("aionotify", &["--json", text_of(&own), text_of(&clean)]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(report["status"], 1);
    assert_eq!(report["files"][0]["verdict"], "escapes");
    assert_eq!(report["files"][0]["escapes"][1]["kind"], "inlined");
    assert_eq!(report["files"][0]["escapes"][1]["caller"], "check");
    assert_eq!(report["files"][0]["escapes"][1]["line"], 9);
    assert_eq!(report["files"][1]["verdict"], "ok");
    assert_eq!(report["files"][1]["taken"][1], "aio_notify_accept");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for words in [&["/no/such/file"][..], &[], &["--odd"], &["-l"]] {
        let finished = run("aionotify", words);
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        assert!(finished.stderr.starts_with("aionotify-check: "), "{finished:?}");
    }
    let text = scratch("objects").join("text");
    write(&text, "no ELF file\n");
    assert!(unknown(&text).contains("it cannot be read"));
    assert_eq!(run("aionotify", &["--help"]).status.code(), Some(0));
}

/// One file that runs wherever its kernel does, and judges a program that is one as well.
#[test]
fn the_tool_is_static() {
    let folder = scratch("tool");
    let mut make = Command::new("make");
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        make.env_remove(variable);
    }
    make.current_dir(root()).arg("install-check").arg(format!("PREFIX={}", folder.display()));
    succeed(make.env("CARGO_TARGET_DIR", scratch("tool-target")));
    let tool = folder.join("bin/aionotify-check");
    let headers = succeed(Command::new("readelf").arg("-l").arg(&tool)).stdout;
    assert!(!headers.contains("INTERP"), "{headers}");
    // Its debugging information is the C library's, which has none.
    let main = format!("{}int main(void) {{ return 0; }}\n", text(NO_ACCEPT));
    let built = Program::with_text("all-static", &main).build(Linkage::AllStatic);
    assert!(unknown(&built).contains(" more, so calls inlined there cannot be seen"));
    let libc = succeed(compiler().arg("-print-file-name=libc.a")).stdout;
    let libgcc = succeed(compiler().arg("-print-file-name=libgcc.a")).stdout;
    let libgcc_eh = succeed(compiler().arg("-print-file-name=libgcc_eh.a")).stdout;
    let mut command = Command::new(tool);
    command.arg("-l").arg(prefix().join("lib/libaionotify.so"));
    for archive in [libc, libgcc, libgcc_eh] {
        command.arg("-t").arg(archive.trim());
    }
    let finished = output(command.arg(&built));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
}

/// The same for a machine whose code this one cannot run.
#[test]
fn programs_of_aarch64() {
    let cross = "aarch64-linux-gnu-gcc";
    if Command::new(cross).arg("--version").output().is_err() {
        println!("skipped: there is no {cross}");
        return;
    }
    let folder = scratch("aarch64");
    let stand_in = folder.join("library.c");
    write(
        &stand_in,
        &format!(
            "{HEADER}void aio_notify(AioContext *ctx) {{ ctx->notified = 1; }}\n\
                  void aio_notify_accept(AioContext *ctx) {{ ctx->notified = 0; }}\n"
        ),
    );
    let gcc = |words: &[&str]| succeed(Command::new(cross).args(["-O2", "-g"]).args(words));
    let library = folder.join("libaionotify.so");
    let library = text_of(&library);
    gcc(&["-shared", "-fPIC", "-Wl,-soname,libaionotify.so.0", text_of(&stand_in), "-o", library]);
    let build = |name: &str, text: &str, words: &[&str]| {
        let source = folder.join(format!("{name}.c"));
        write(&source, text);
        let program = folder.join(name);
        gcc(&[&["-o", text_of(&program), text_of(&source)], words].concat());
        program
    };
    let ask = |file: &Path| {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
        output(tool.args(["-l", library]).arg(file))
    };
    let both = format!("{}{}", loop_text().replace(HEADER, ""), main_text().replace(HEADER, ""));
    let program = build("left", &format!("{HEADER}{both}"), &[library]);
    let finished = ask(&program);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains("defines aio_notify_accept itself (GLOBAL)"), "{finished:?}");
    assert!(finished.stdout.contains("check has aio_notify_accept inlined (line "), "{finished:?}");
    let called = format!("{HEADER}{both}").replacen(
        "void aio_notify_accept(AioContext *ctx) {",
        "__attribute__((noinline)) void aio_notify_accept(AioContext *ctx) {",
        1,
    );
    for (name, words) in [("called", vec![library]), ("called.o", vec!["-c"])] {
        let finished = ask(&build(name, &called, &words));
        let line = "check calls the file's own aio_notify_accept";
        assert!(finished.stdout.contains(line), "{name}: {finished:?}");
    }
    let text = format!(
        "{HEADER}int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
    );
    let finished = ask(&build("clean", &text, &[library]));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains("taken from the library: aio_notify\n"), "{finished:?}");
}
