//! Programs, plugins and archives, and the libraries that the loader or the linker gives them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{compiler, output, prefix, root, scratch, succeed, write, Linkage, Program};

use super::asked::{check, escapes, run, unknown};
use super::programs::*;

/// Without the archive nothing tells the library's code from another's.
#[test]
fn a_static_program_needs_the_archive_to_compare_with() {
    let text = format!("{}int main(void) {{ return 0; }}\n", text(NO_ACCEPT));
    let built = Program::with_text("no-archive", &text).build(Linkage::Static);
    let library = scratch("alone").join("libaionotify.so");
    fs::copy(prefix().join("lib/libaionotify.so"), &library).expect("it is installed");
    let alone = |words: &[&str]| {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
        output(tool.arg("-l").arg(&library).args(words).arg(&built))
    };
    let finished = alone(&[]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains("it may be the library's, linked in"), "{finished:?}");
    let archive = prefix().join("lib/libaionotify.a");
    assert_eq!(alone(&["-a", text_of(&archive)]).status.code(), Some(0));
}

/// A shared library with a definition of its own, and a program.
fn other_library(name: &str, soname: &str) -> PathBuf {
    let folder = scratch(name);
    let source = folder.join("other.c");
    write(&source, &format!("{HEADER}void aio_notify(AioContext *ctx) {{ ctx->notified = 1; }}\n"));
    let library = folder.join(soname);
    let soname = format!("-Wl,-soname,{soname}");
    succeed(compiler().args(["-shared", "-fPIC", &*soname]).arg(&source).arg("-o").arg(&library));
    library
}

#[test]
fn a_program_that_is_bound_to_another_library() {
    let ours = shared_library();
    let other = other_library("other", "libother.so");
    let folder = other.parent().expect("a folder");
    let rpath = format!("-Wl,-rpath,{}", folder.display());
    let main = notifying("bound", &[]);
    let bound = format!("takes aio_notify from {}, not from the library", other.display());
    let without = linked("other-only", &[text_of(&main), text_of(&other), &rpath], &[]);
    assert_eq!(escapes(&without), [&*bound]);
    let first = [text_of(&main), "-Wl,--no-as-needed", text_of(&other), &rpath];
    assert_eq!(escapes(&linked("other-first", &first, &ours)), [&*bound]);
    let behind = [&ours[..], &["-Wl,--no-as-needed", text_of(&other), &rpath]].concat();
    assert_eq!(escapes(&linked("other-behind", &[text_of(&main)], &behind)), [""; 0]);
    // It is not there to be looked at.
    let gone =
        linked("other-gone", &[text_of(&main), "-Wl,--no-as-needed", text_of(&other)], &ours);
    let said = unknown(&gone);
    assert!(said.contains("libother.so cannot be found, and may define aio_notify"), "{said}");
    let finished = run("aionotify", &["-L", text_of(folder), text_of(&gone)]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    // Bound when it runs, to whatever has the function by then.
    let stand_in = other_library("stand-in", "libstand-in.so");
    let rpath = format!("-Wl,-rpath,{}", stand_in.parent().expect("a folder").display());
    let program = linked("not-needed", &[text_of(&main), text_of(&stand_in), &rpath], &[]);
    let nothing = scratch("objects").join("nothing.c");
    write(&nothing, "extern int nothing;\n");
    succeed(compiler().args(["-shared", "-o"]).arg(&stand_in).arg(nothing));
    assert_eq!(escapes(&program), ["takes aio_notify, but does not need libaionotify.so.0"]);
}

/// A library of another soname that the program's library leads to.
#[test]
fn a_library_that_another_needs() {
    let ours = shared_library();
    let folder = scratch("between");
    let source = folder.join("between.c");
    write(&source, &format!("{HEADER}void between(AioContext *ctx); void between(AioContext *ctx) {{ aio_notify(ctx); }}\n"));
    let between = folder.join("libbetween.so");
    succeed(
        compiler()
            .args(["-shared", "-fPIC", "-Wl,-soname,libbetween.so", "-Wl,--no-as-needed"])
            .arg(&source)
            .arg("-o")
            .arg(&between)
            .args(&ours),
    );
    let rpath = format!("-Wl,-rpath,{}", folder.display());
    let main = notifying("through", &[]);
    let flags = ["-Wl,--no-as-needed,--copy-dt-needed-entries", text_of(&between), &rpath];
    assert_eq!(escapes(&linked("through", &[text_of(&main)], &flags)), [""; 0]);
    assert_eq!(escapes(&between), [""; 0]);
}

/// A plugin takes it from the program that loads it, which cannot be looked at.
#[test]
fn a_plugin_without_the_library() {
    let source = scratch("plugin").join("plugin.c");
    write(&source, &format!("{HEADER}void plug(AioContext *ctx); void plug(AioContext *ctx) {{ aio_notify(ctx); }}\n"));
    let plugin = source.with_extension("so");
    succeed(compiler().args(["-shared", "-fPIC"]).arg(&source).arg("-o").arg(&plugin));
    assert!(unknown(&plugin).contains("takes aio_notify from the program that loads it"));
}

/// The functions of an archive's members are all at offset 0 of a section of their own.
#[test]
fn an_archive_is_judged_member_by_member() {
    let one = format!(
        "{HEADER}void one(AioContext *ctx); void one(AioContext *ctx) {{ aio_notify(ctx); }}\n"
    );
    let two = format!("{HEADER}static int count; void two(AioContext *ctx); __attribute__((noinline)) static void add(void) {{ count++; }}\n\
                       void two(AioContext *ctx) {{ add(); aio_notify_accept(ctx); add(); }}\n");
    let archive = |name: &str, objects: &[&Path]| {
        let archive = scratch("archives").join(name);
        let _ = fs::remove_file(&archive);
        succeed(tool("AR", "ar").arg("rcs").arg(&archive).args(objects));
        archive
    };
    let (one, two) = (compiled("one", &one, &[]), compiled("two", &two, &[]));
    let clean = archive("clean.a", &[&one, &two]);
    let finished = check(&clean);
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1]
        .ends_with("clean.a(two.o): nothing escapes; taken from the library: aio_notify_accept"));
    let own = compiled("three", &loop_text(), &[]);
    let finished = check(&archive("left.a", &[&one, &own, &two]));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains("left.a(three.o): defines aio_notify_accept itself (GLOBAL)"));
    assert!(finished
        .stdout
        .contains("left.a(three.o): check has aio_notify_accept inlined (line "));
    assert_eq!(finished.stdout.matches("nothing escapes").count(), 2, "{finished:?}");
}

/// A component of which a program defines all functions is its own; half a component is a mistake.
#[test]
fn components_of_the_whole_loop() {
    let whole = |component: &str| Program::of_loop("replaced").owning(component);
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        for component in ["nothing", "async", "timer"] {
            let program = whole(component).flags(&["-g"]).build(linkage);
            let finished = run("aiocontext", &[&program]);
            assert_eq!(finished.status.code(), Some(0), "{component} {linkage:?}: {finished:?}");
            let own = finished.stdout.contains("components of its own: ");
            assert_eq!(own, component != "nothing", "{finished:?}");
        }
    }
    let text = "#include \"block/aio.h\"\n\
                void aio_notify(AioContext *ctx) { ctx->notified = true; }\n\
                int main(void) { aio_context_unref(aio_context_new(NULL)); return 0; }\n";
    let half = Program::with_text("half", text).with("aiocontext").build(Linkage::Dynamic);
    let finished = run("aiocontext", &[&half]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let words = ": async is half its own: own aio_notify; the library's aio_";
    assert!(finished.stdout.contains(words), "{finished:?}");
    // Over the object files of one command line.
    let own = root().join("capi-tests/c/loop/own/rfifolock.c");
    let object = scratch("objects").join("rfifolock.o");
    let flags = capi_tests::pkg_config(&["--cflags", "aiocontext"]);
    let mut cc = compiler();
    succeed(cc.arg("-c").args(flags).arg(own).arg("-o").arg(&object));
    assert_eq!(run("aiocontext", &[&object]).status.code(), Some(0));
}

/// The note that AIONOTIFY_CHECK_LAYOUT leaves, against the library's.
#[test]
fn a_program_of_another_layout_is_named() {
    for (name, members, status) in [
        ("fits", "AioContext inner;", 0),
        (
            "moved",
            "char before[1000]; uint32_t notify_me; bool notified; EventNotifier notifier;",
            1,
        ),
    ] {
        let of = if status == 0 { "AioContext" } else { "struct other" };
        let text = format!(
            "#include \"block/aio.h\"\n#include \"aionotify/target.h\"\nstruct other {{ {members} }};\n\
             int main(void) {{ AIONOTIFY_CHECK_LAYOUT({of}); return 0; }}\n"
        );
        let program = Program::with_text(name, &text).flags(&["-DAIONOTIFY_CHECK_AT_RUN_TIME"]);
        let finished = check(&program.build(Linkage::Dynamic));
        assert_eq!(finished.status.code(), Some(status), "{finished:?}");
        let words = "is laid out for another library: notify_me 1000, in the library ";
        assert_eq!(finished.stdout.contains(words), status == 1, "{finished:?}");
    }
}
