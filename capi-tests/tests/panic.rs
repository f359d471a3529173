//! A panic in the library, which none is known to happen: it ends the program with one line and
//! unwinds nothing.

use std::os::unix::fs::symlink;
use std::path::Path;

use capi_tests::{compiler, output, pkg_config, program, read, scratch, succeed, write, Patched};

const SIGABRT: i32 = 6;

/// Says so if it gets a stack unwound, a function returned from, or an exit handler run.
const PROGRAM: &str = r#"
#include <stdlib.h>
#include <unistd.h>
#include "block/aio.h"

static void say(const char *what)
{
    if (write(1, what, 1) < 0) {
        _exit(1);
    }
}

static void unwound(int *variable)
{
    (void)variable;
    say("u");
}

static void at_exit(void)
{
    say("e");
}

int main(void)
{
    static AioContext ctx;
    int variable __attribute__((cleanup(unwound))) = 0;

    atexit(at_exit);
    aio_notify(&ctx);
    say("r");
    return variable;
}
"#;

/// The patched library, with its file that has the panic, and the planted line.
fn library() -> (Patched, usize) {
    let file = "src/capi/aio.rs";
    let first = "pub unsafe extern \"C\" fn aio_notify(ctx: *mut AioContext) {\n";
    let panic = "    if !ctx.is_null() {\n        panic!(\"planted {}\", 1 + 1);\n    }\n";
    let copy = Patched::new("panic").replace(file, first, &format!("{first}{panic}"));
    let finished = copy.build("release");
    assert!(finished.status.success(), "{}", finished.stderr);
    let text = read(&copy.path(file));
    let line = text.lines().position(|line| line.contains("panic!(\"planted"));
    (copy, line.expect("it has been planted") + 1)
}

#[test]
fn ends_the_program_with_one_line() {
    let (library, line) = library();
    let shared = library.library("release", "libaionotify.so");
    let folder = shared.parent().expect("a library is in a folder");
    let soname = folder.join("libaionotify.so.0");
    if !soname.exists() {
        symlink("libaionotify.so", soname).expect("a writable folder");
    }
    for (name, linked) in [("dynamic", "libaionotify.so"), ("static", "libaionotify.a")] {
        let built = build(name, &folder.join(linked));
        let finished = output(program(&built).current_dir(scratch("programs")));
        assert_eq!(finished.signal(), Some(SIGABRT), "{finished:?}");
        assert_eq!(finished.stdout, "", "it went on");
        let start = format!("aionotify: panicked at src/capi/aio.rs:{line}:");
        assert!(finished.stderr.starts_with(&start), "{}", finished.stderr);
        assert!(finished.stderr.ends_with(": planted 2\n"), "{}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
}

fn build(name: &str, library: &Path) -> std::path::PathBuf {
    let source = scratch("programs").join("panic.c");
    write(&source, PROGRAM);
    let built = source.with_file_name(name);
    let folder = library.parent().expect("a library is in a folder");
    succeed(
        compiler()
            .arg("-fexceptions")
            .args(pkg_config(&["--cflags"]))
            .arg(&source)
            .arg(library)
            .arg(format!("-Wl,-rpath,{}", folder.display()))
            .arg("-o")
            .arg(&built),
    );
    built
}

/// Also without optimisation it can be linked, by those who work on it.
#[test]
fn the_dev_profile_builds() {
    let finished = Patched::new("dev").build("dev");
    assert!(finished.status.success(), "{}", finished.stderr);
}
