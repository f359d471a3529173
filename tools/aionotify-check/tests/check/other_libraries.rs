//! Libraries beside the one that is meant: some that keep functions of their own, some that are taken
//! for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{elf, output, prefix, scratch, succeed, Finished};

use super::asked::{check, escapes, unknown};
use super::programs::*;

/// `-Wl,--wrap` leads calls past the library without a definition of its functions.
#[test]
fn wrapped_functions_are_named() {
    let own =
        "void __real_aio_notify(AioContext *ctx);\nvoid __wrap_aio_notify(AioContext *ctx);\n";
    let wrap = format!(
        "{HEADER}{own}void __wrap_aio_notify(AioContext *ctx) {{ __real_aio_notify(ctx); }}\n"
    );
    let wrap = compiled("wrap", &wrap, &[]);
    let main = notifying("wrap-main", &[]);
    let flags = [&shared_library()[..], &["-Wl,--wrap=aio_notify"]].concat();
    let words =
        "defines __wrap_aio_notify, to which --wrap=aio_notify leads the calls of aio_notify";
    assert_eq!(escapes(&linked("wrap", &[text_of(&main), text_of(&wrap)], &flags)), [words]);
    assert_eq!(escapes(&wrap), [words]);
    // It may be elsewhere.
    let shared =
        format!("{HEADER}{own}void __wrap_aio_notify(AioContext *ctx) {{ ctx->notified = 1; }}\n");
    let shared = shared_object("wrap-shared", &shared, &[]);
    let program = linked("wrap-elsewhere", &[text_of(&main), text_of(&shared)], &flags);
    let words = "calls __wrap_aio_notify, not aio_notify: it is linked with --wrap=aio_notify";
    assert_eq!(escapes(&program), [words]);
    // Or be inlined where it is static.
    let inlined = format!(
        "{HEADER}static inline void __wrap_aio_notify(AioContext *ctx) {{ ctx->notified = 1; }}\n\
         void kick(AioContext *ctx); void kick(AioContext *ctx) {{ __wrap_aio_notify(ctx); }}\n"
    );
    let found = escapes(&compiled("wrap-inlined", &inlined, &[]));
    assert_eq!(found, ["kick has __wrap_aio_notify inlined (line 6)"]);
    let other = format!(
        "{HEADER}void __wrap_other(AioContext *ctx);\n\
         void __wrap_other(AioContext *ctx) {{ aio_notify(ctx); }}\n"
    );
    assert_eq!(escapes(&compiled("wrap-other", &other, &[])), [""; 0]);
}

/// A library of the tree's that keeps the old file, whatever the program is bound to.
#[test]
fn a_loaded_library_that_runs_its_own_is_named() {
    let main = notifying("loaded-main", &[]);
    let ours = shared_library();
    let kept = loop_text();
    let library = |name: &str, flags: &[&str]| shared_object(name, &kept, flags);
    let behind = |library: &Path| {
        let name = library.file_stem().expect("a name").to_string_lossy().into_owned();
        let flags = [&ours[..], &["-Wl,--no-as-needed", text_of(library)]].concat();
        linked(&format!("behind-{name}"), &[text_of(&main)], &flags)
    };
    let line = |library: &Path| {
        format!(
            "loads {}, which runs its own aio_notify_accept; check that file too",
            library.display()
        )
    };
    let symbolic = library("kept-symbolic", &["-Wl,-Bsymbolic"]);
    assert_eq!(escapes(&behind(&symbolic)), [line(&symbolic)]);
    let hidden = library("kept-hidden", &["-fvisibility=hidden"]);
    assert_eq!(escapes(&behind(&hidden)), [line(&hidden)]);
    let inlined = library("kept-inlined", &["-fno-semantic-interposition"]);
    assert_eq!(escapes(&behind(&inlined)), [line(&inlined)]);
    // Without symbols, the calls still are seen.
    let flags = ["-fno-inline", "-fno-semantic-interposition", "-Wl,-Bsymbolic", "-s"];
    let stripped = library("kept-stripped", &flags);
    assert_eq!(escapes(&behind(&stripped)), [line(&stripped)]);
    // The loader binds its calls to the first: its own there, ours here.
    let plain = library("kept", &["-fno-inline"]);
    let first = [text_of(&main), "-Wl,--no-as-needed", text_of(&plain)];
    assert_eq!(escapes(&linked("first-kept", &first, &ours)), [line(&plain)]);
    assert_eq!(escapes(&behind(&plain)), [""; 0]);
    // One that only calls the library has none of its own.
    let caller = format!(
        "{HEADER}void call(AioContext *ctx); void call(AioContext *ctx) {{ aio_notify(ctx); }}\n"
    );
    assert_eq!(escapes(&behind(&shared_object("kept-none", &caller, &[]))), [""; 0]);
}

/// A library with all functions and a note of its own, whose `notified` lies so much further.
fn stand_in(folder: &str, name: &str, soname: &str, more: &str) -> PathBuf {
    let installed = prefix().join("lib/libaionotify.so");
    let mut text = format!("{CONTEXT}{}", note(2, more));
    for function in elf::exports(&installed) {
        text += &format!("void {function}(void); void {function}(void) {{ }}\n");
    }
    let built = shared_object(name, &text, &[&format!("-Wl,-soname,{soname}")]);
    let library = scratch(folder).join(soname);
    fs::copy(built, &library).expect("a writable folder");
    library
}

fn check_with(program: &Path, variable: &str, folder: &Path) -> Finished {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
    tool.arg("-l").arg(prefix().join("lib/libaionotify.so"));
    output(tool.env(variable, folder).arg(program))
}

/// What the loader takes for the library may be another of the same name.
#[test]
fn another_library_of_the_same_name_is_named() {
    let main = notifying("same-name", &[]);
    let program = linked("same-name", &[text_of(&main)], &shared_library());
    let folder = |library: &Path| library.parent().expect("a folder").to_owned();
    let other = stand_in("another", "stand-in-other", "libaionotify.so.0", "4");
    let finished = check_with(&program, "LD_LIBRARY_PATH", &folder(&other));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let words = format!(
        ": the loader finds another library for libaionotify.so.0, {}: notified ",
        other.display()
    );
    assert!(finished.stdout.contains(&words), "{finished:?}");
    // DT_RPATH comes before the environment.
    let flags = [&shared_library()[..], &["-Wl,--disable-new-dtags"]].concat();
    let rpath = linked("same-name-rpath", &[text_of(&main)], &flags);
    let finished = check_with(&rpath, "LD_LIBRARY_PATH", &folder(&other));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    // One that is the same, and none.
    let same = stand_in("another-same", "stand-in-same", "libaionotify.so.0", "0");
    let finished = check_with(&program, "LD_LIBRARY_PATH", &folder(&same));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    let finished = check_with(&program, "LD_LIBRARY_PATH", Path::new("/no/such/folder"));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    // One that is no library of this project.
    let fake = shared_object(
        "fake",
        "void aio_notify(void); void aio_notify(void) { }\n",
        &["-Wl,-soname,libaionotify.so.0"],
    );
    let to = scratch("another-fake").join("libaionotify.so.0");
    fs::copy(fake, &to).expect("a writable folder");
    let finished = check_with(&program, "LD_LIBRARY_PATH", &folder(&to));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains(": it has no aio_notify_accept, "), "{finished:?}");
}

/// A program of another library of this project: one line, which says how to name that.
#[test]
fn the_wrong_library_is_one_line() {
    let mine = stand_in("mine", "stand-in-mine", "libaionotify-mine.so.0", "4");
    let plain = mine.with_file_name("libaionotify-mine.so");
    fs::copy(&mine, &plain).expect("a writable folder");
    let rpath = format!("-Wl,-rpath,{}", mine.parent().expect("a folder").display());
    let own = "void event_notifier_set_handler(void); void event_notifier_set_handler(void) { }";
    let text = format!(
        "{HEADER}{own}\nint main(void) {{ static AioContext ctx; aio_notify(&ctx); aio_notify_accept(&ctx); return 0; }}\n"
    );
    let main = compiled("mine-main", &text, &["-DMORE=4"]);
    let program = linked("mine", &[text_of(&main), text_of(&plain), &rpath], &[]);
    let words = format!(
        "takes aio_notify, aio_notify_accept from libaionotify-mine.so.0, not from the library; if that is \
         the one that is meant: -l {}",
        plain.display()
    );
    assert_eq!(escapes(&program), [words]);
    // The same with the archive of another.
    let text = format!(
        "{}void aio_notify(AioContext *ctx) {{ ctx->notified = 1; }}\n\
         void aio_notify_accept(AioContext *ctx) {{ ctx->notified = 0; }}\n{}",
        HEADER,
        note(2, "4")
    );
    let archive = compiled("mine-archive", &text, &["-DMORE=4"]);
    let program = linked("mine-static", &[text_of(&main), text_of(&archive)], &[]);
    let found = escapes(&program);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("has another library linked in: notified "), "{found:?}");
    assert!(found[0].ends_with("; if that is the one that is meant, name it with -l"), "{found:?}");
    // A note that fits passes no definition.
    let archive =
        compiled("mine-fits", &text.replace("AT_NOTIFIED + 4, AT", "AT_NOTIFIED + 0, AT"), &[]);
    let main = compiled(
        "mine-main-fits",
        &format!(
            "{HEADER}int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
        ),
        &[],
    );
    let found = escapes(&linked("mine-fits", &[text_of(&main), text_of(&archive)], &[]));
    assert!(found.contains(&"defines aio_notify itself (GLOBAL)".to_owned()), "{found:?}");
}

/// A static program without the archive: one line for each function, which says what to do.
#[test]
fn without_the_archive_no_call_is_accused() {
    let folder = scratch("alone-calls");
    let library = folder.join("libaionotify.so");
    fs::copy(prefix().join("lib/libaionotify.so"), &library).expect("it is installed");
    let main = notifying("alone-main", &[]);
    let archive = prefix().join("lib/libaionotify.a");
    let program = linked("alone", &[text_of(&main), text_of(&archive)], &[]);
    let ask = |words: &[&str]| {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
        output(tool.arg("-l").arg(&library).args(words).arg(&program))
    };
    let finished = ask(&[]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let hint = format!("there is no {} to compare with (-a)", archive_beside(&library).display());
    assert!(finished.stdout.lines().all(|line| line.ends_with(&hint)), "{finished:?}");
    assert_eq!(ask(&["-a", text_of(&archive)]).status.code(), Some(0));
    let finished = ask(&["-a", text_of(&library)]);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("is no archive: -a takes the static library"), "{finished:?}");
    // The archive is beside a library that is named with its version.
    let versioned = prefix().join("lib/libaionotify.so.0");
    let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
    assert_eq!(output(tool.arg("-l").arg(versioned).arg(&program)).status.code(), Some(0));
}

fn archive_beside(library: &Path) -> PathBuf {
    library.with_extension("a")
}

/// A member that is not there is named with the archive.
#[test]
fn a_thin_archive_that_lacks_a_member() {
    let object = notifying("thin-member", &[]);
    let folder = scratch("thin");
    let member = folder.join("member.o");
    fs::copy(object, &member).expect("a writable folder");
    let archive = folder.join("libthin.a");
    let _ = fs::remove_file(&archive);
    succeed(tool("AR", "ar").arg("rcsT").arg(&archive).arg(&member));
    assert_eq!(check(&archive).status.code(), Some(0));
    fs::remove_file(member).expect("a writable folder");
    let said = unknown(&archive);
    let words = format!("{}: the thin archive's ", archive.display());
    assert!(said.contains(&words) && said.contains("member.o: "), "{said}");
}
