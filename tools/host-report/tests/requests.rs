//! What is asked for and cannot be: flags for another machine, several entries that do not agree, folders
//! that are not there. Each message names the variable that was given, and what it advises works.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const X86_64: &str = "x86_64-unknown-linux-gnu";
/// The layout of `loop-6.0` without options, and with `-DCONFIG_DEBUG_MUTEX`.
const PLAIN: &str = "\nfits:       qemu-5.2 notify_me@160 notified@192 notifier@196\n";
const DEBUG: &str = "\nfits:       qemu-5.2 notify_me@168 notified@200 notifier@204\n";

/// Asks with these variables, without `AIONOTIFY_`.
fn report(target: &str, variables: &[(&str, &str)]) -> Output {
    let mut report = Command::new(env!("CARGO_BIN_EXE_host-report"));
    report.arg(target);
    for (name, value) in variables {
        report.env(format!("AIONOTIFY_{name}"), value);
    }
    report.output().expect("the report can be run")
}

fn accepted(target: &str, variables: &[(&str, &str)]) -> String {
    let output = report(target, variables);
    assert!(output.status.success(), "{variables:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The one line of the message, without what all have in common.
fn refused(target: &str, variables: &[(&str, &str)]) -> String {
    let output = report(target, variables);
    assert_eq!(output.status.code(), Some(1), "{variables:?}: {output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text.lines().count(), 1, "{text}");
    let start = format!("aio-notify: cannot build for {target}: ");
    text.strip_prefix(&start).expect("the start").trim_end().to_owned()
}

fn trees() -> PathBuf {
    let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capi-tests/host");
    trees.canonicalize().expect("the trees are there")
}

/// The flags for a tree since 2.9; free-standing, so that the target's C library is not needed.
fn flags(tree: &str) -> String {
    let include =
        ["common", tree, "since-2.9"].map(|name| format!("-I{}", trees().join(name).display()));
    format!("{} -ffreestanding", include.join(" "))
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requests").join(name);
    fs::create_dir_all(&folder).expect("a writable folder");
    folder
}

/// A `compile_commands.json` in a folder of this name, for these sources with these flags.
fn commands(name: &str, entries: &[(&str, &str)]) -> String {
    let folder = scratch(name);
    let entries = entries.iter().map(|(source, flags)| {
        format!(
            "{{\"directory\": \"{}\", \"file\": \"{source}\", \"command\": \"cc {flags} -c {source}\"}}",
            folder.display()
        )
    });
    let file = folder.join("compile_commands.json");
    fs::write(&file, format!("[{}]", entries.collect::<Vec<_>>().join(","))).expect("writable");
    file.display().to_string()
}

#[test]
fn pointers_of_another_size_are_refused() {
    let plain = flags("loop-6.0");
    for flag in ["-m32", "-mx32"] {
        let given = format!("{plain} {flag}");
        let message = refused(X86_64, &[("HOST_CFLAGS", &given), ("GENERATION", "5.2")]);
        let words = format!("HOST_CFLAGS: expected flags for {X86_64}, found {flag}, with which");
        assert!(message.starts_with(&words), "{message}");
        let file = commands("pointers", &[("util/async.c", &given)]);
        let message = refused(X86_64, &[("HOST_COMPILE_COMMANDS", &file), ("GENERATION", "5.2")]);
        assert!(message.starts_with("HOST_COMPILE_COMMANDS: expected flags for"), "{message}");
        assert!(message.contains("CARGO_BUILD_TARGET"), "{message}");
    }
    // Those that say what is so anyway.
    for (target, flag) in [(X86_64, "-m64"), ("i686-unknown-linux-gnu", "-m32")] {
        let given = format!("{plain} {flag}");
        accepted(target, &[("HOST_CFLAGS", &given), ("GENERATION", "5.2")]);
    }
}

#[test]
fn entries_of_a_source_must_lead_to_one_layout() {
    let plain = flags("loop-6.0");
    let debug = format!("{plain} -DCONFIG_DEBUG_MUTEX");
    let file = commands("differ", &[("util/async.c", &plain), ("util/async.c", &debug)]);
    let asked = [("HOST_COMPILE_COMMANDS", &*file), ("GENERATION", "5.2")];
    let message = refused(X86_64, &asked);
    let source = scratch("differ").join("util/async.c").display().to_string();
    let words = format!(
        "HOST_COMPILE_COMMANDS: {file}: expected entries that lead to one layout, found \
         AioContext.notify_me: uint32_t at 160 in that for {source}, uint32_t at 168 in another for \
         {source}; give the flags of the one that the program is linked with in HOST_CFLAGS"
    );
    assert!(message.starts_with(&words), "{message}");
    let one = accepted(X86_64, &[("HOST_CFLAGS", &debug), ("GENERATION", "5.2")]);
    assert!(one.ends_with(DEBUG), "{one}");
    // One of them cannot be read at all.
    let file = commands("unreadable", &[("util/async.c", &plain), ("util/async.c", "-Dx")]);
    let message = refused(X86_64, &[("HOST_COMPILE_COMMANDS", &file), asked[1]]);
    assert!(message.contains("found headers that can be read in that for"), "{message}");
    // Flags that differ in what moves nothing, and the same twice.
    let other = format!("{plain} -DOF_ANOTHER_LIBRARY");
    for (other, said) in [(&other, true), (&plain, false)] {
        let file = commands("agree", &[("util/async.c", &plain), ("util/async.c", other)]);
        let text = accepted(X86_64, &[("HOST_COMPILE_COMMANDS", &file), asked[1]]);
        assert!(text.ends_with(PLAIN), "{text}");
        assert_eq!(
            text.contains("checked with those of another entry as well, of "),
            said,
            "{text}"
        );
    }
}

/// They are told apart by their whole paths.
#[test]
fn another_source_of_the_same_name_must_agree_or_be_named() {
    let plain = flags("loop-6.0");
    let debug = format!("{plain} -DCONFIG_DEBUG_MUTEX");
    let file = commands("namesake", &[("util/async.c", &plain), ("tests/util/async.c", &debug)]);
    let asked = [("HOST_COMPILE_COMMANDS", &*file), ("GENERATION", "5.2")];
    let message = refused(X86_64, &asked);
    let advice =
        "; name the one that the program is linked with in HOST_SOURCE, with its whole path";
    assert!(message.ends_with(advice), "{message}");
    for (source, fits) in [("util/async.c", PLAIN), ("tests/util/async.c", DEBUG)] {
        let source = scratch("namesake").join(source).display().to_string();
        assert!(message.contains(&source), "{message}");
        let text = accepted(X86_64, &[asked[0], asked[1], ("HOST_SOURCE", &source)]);
        assert!(text.ends_with(fits), "{text}");
    }
}

#[test]
fn the_source_of_a_unity_build_is_found() {
    let text = "#include \"/src/mytree/util/aio-wait.c\"\n#include \"/src/mytree/util/async.c\"\n";
    let file = commands(
        "unity",
        &[("x.p/other-unity0.c", "-Dx"), ("x.p/qemuutil-unity0.c", &flags("loop-6.0"))],
    );
    fs::create_dir_all(scratch("unity").join("x.p")).expect("a writable folder");
    fs::write(scratch("unity").join("x.p/qemuutil-unity0.c"), text).expect("writable");
    fs::write(scratch("unity").join("x.p/other-unity0.c"), "#include \"a.c\"\n").expect("writable");
    let asked = [("HOST_COMPILE_COMMANDS", &*file), ("GENERATION", "5.2")];
    let text = accepted(X86_64, &asked);
    assert!(text.contains("/x.p/qemuutil-unity0.c\n") && text.ends_with(PLAIN), "{text}");
    let named = ("HOST_SOURCE", "x.p/qemuutil-unity0.c");
    assert!(accepted(X86_64, &[asked[0], asked[1], named]).ends_with(PLAIN));
}

/// Flags of both are taken, which the report says.
#[test]
fn the_report_says_that_flags_are_added() {
    let file = commands("added", &[("util/async.c", &flags("loop-6.0"))]);
    let asked = [("HOST_COMPILE_COMMANDS", &*file), ("GENERATION", "5.2")];
    let added = ("HOST_CFLAGS", "-DCONFIG_DEBUG_MUTEX");
    let text = accepted(X86_64, &[asked[0], asked[1], added]);
    assert!(text.contains("\n            and HOST_CFLAGS, behind them\n"), "{text}");
    assert!(text.ends_with(DEBUG), "{text}");
    assert!(!accepted(X86_64, &asked).contains("HOST_CFLAGS"));
}

#[test]
fn messages_name_the_variable_that_was_given() {
    let plain = flags("loop-6.0");
    let file = commands("variable", &[("util/async.c", &format!("@x.rsp {plain}"))]);
    let message = refused(X86_64, &[("HOST_COMPILE_COMMANDS", &file), ("GENERATION", "5.2")]);
    let words =
        format!("HOST_COMPILE_COMMANDS: {file}: expected the compiler's flags, found \"@x.rsp\"");
    assert!(message.starts_with(&words), "{message}");
    let message = refused(X86_64, &[("HOST_CFLAGS", "@x.rsp"), ("GENERATION", "5.2")]);
    assert!(message.starts_with("HOST_CFLAGS: expected the compiler's flags, found"), "{message}");
    let file = commands("variable", &[("util/async.c", &plain)]);
    for (name, value) in [("HOST_COMPILE_COMMANDS", &file), ("HOST_CFLAGS", &plain)] {
        let message = refused(X86_64, &[(name, value), ("GENERATION", "2.4")]);
        let advice = format!("; build with GENERATION=5.2, or correct {name}");
        assert!(message.ends_with(&advice), "{message}");
        let mistake = format!("{plain} -Dnotify_me=another");
        let value = match name {
            "HOST_CFLAGS" => mistake,
            _ => commands("variable-field", &[("util/async.c", &mistake)]),
        };
        let message = refused(X86_64, &[(name, &value), ("GENERATION", "5.2")]);
        assert!(message.ends_with(&format!("; check {name} and HOST_HEADER")), "{message}");
    }
}

/// As the driver hands them on: neither dropped, nor relative to this project.
#[test]
fn flags_for_the_preprocessor_are_read() {
    let folder = scratch("wrapped");
    for (file, from) in [
        ("own/block/aio.h", "loop-6.0/block/aio.h"),
        ("own/qemu/osdep.h", "since-2.9/qemu/osdep.h"),
        ("own/qemu/since_2_9.h", "since-2.9/qemu/since_2_9.h"),
    ] {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::copy(trees().join(from), path).expect("the trees are there");
    }
    let common = trees().join("common").display().to_string();
    let rest = format!("-I{common} -ffreestanding -Wp,-MD,x.d -Wp,-DCONFIG_DEBUG_MUTEX");
    for own in ["-Wp,-iquote,own", "-Wp,-Iown", "-Xpreprocessor -iquote -Xpreprocessor own"] {
        let given = format!("{own} {rest}");
        let file = commands("wrapped", &[("util/async.c", &given)]);
        let text = accepted(X86_64, &[("HOST_COMPILE_COMMANDS", &file), ("GENERATION", "5.2")]);
        assert!(text.ends_with(DEBUG), "{text}");
        let asked = [("HOST_CFLAGS", &*given), ("GENERATION", "5.2")];
        let message = refused(X86_64, &asked);
        assert!(message.starts_with("HOST_CFLAGS: expected absolute paths, found -"), "{message}");
        let folder = folder.display().to_string();
        let text = accepted(X86_64, &[asked[0], asked[1], ("HOST_DIR", &folder)]);
        assert!(text.ends_with(DEBUG), "{text}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let plain = flags("loop-6.0");
    let gone = scratch("gone").join("nothing").display().to_string();
    let asked = [("HOST_CFLAGS", &*plain), ("GENERATION", "5.2"), ("HOST_DIR", &*gone)];
    let message = refused(X86_64, &asked);
    let words = "HOST_DIR: expected the folder in which the program is compiled, found no folder ";
    assert!(message.starts_with(&format!("{words}{gone}")), "{message}");
    let file = scratch("gone").join("compile_commands.json").display().to_string();
    let json =
        format!("[{{\"directory\": \"{gone}\", \"file\": \"async.c\", \"command\": \"cc\"}}]");
    fs::write(&file, json).expect("writable");
    let message = refused(X86_64, &[("HOST_COMPILE_COMMANDS", &file), asked[1]]);
    let words = format!(
        "HOST_COMPILE_COMMANDS: {file}: expected the folder in which the compiler runs, found no \
         folder {gone}; "
    );
    assert!(message.starts_with(&words), "{message}");
}

/// What includes the headers is no file of the user's.
#[test]
fn a_header_that_is_not_found_is_named_alone() {
    let message = refused(X86_64, &[("HOST_CFLAGS", "-I/no/such/tree"), ("GENERATION", "5.2")]);
    let words = "block/aio.h: the header: expected one that clang can read, found fatal error: \
                 'block/aio.h' file not found; give the program's own flags";
    assert!(message.starts_with(words), "{message}");
    let file = commands("no-header", &[("util/async.c", "-I.")]);
    let message = refused(X86_64, &[("HOST_COMPILE_COMMANDS", &file), ("GENERATION", "5.2")]);
    let source = scratch("no-header").join("util/async.c").display().to_string();
    let words = format!(
        "found fatal error: 'block/aio.h' file not found; check that the tree is configured, and name \
         in HOST_HEADER what {source} includes"
    );
    assert!(message.contains(&words), "{message}");
}

/// The headers of 5.1, which mean the old protocol, under a loop that has the new one already: what the
/// message advises leaves them as they are, and works.
#[test]
fn a_snapshot_needs_no_change_of_its_headers() {
    let plain = flags("loop-5.0");
    let asked = [("HOST_CFLAGS", &*plain), ("GENERATION", "5.2")];
    let message = refused(X86_64, &asked);
    assert!(message.contains("; build with GENERATION=2.4; only if it is a snapshot"), "{message}");
    let (_, declaration) = message
        .split_once("HOST_HEADER a header of your own that declares `")
        .expect("what to declare");
    let file = scratch("snapshot").join("snapshot.h");
    fs::write(&file, declaration.trim_end_matches('`')).expect("writable");
    let headers = format!("block/aio.h {}", file.display());
    let text = accepted(X86_64, &[asked[0], asked[1], ("HOST_HEADER", &headers)]);
    assert!(
        text.contains("generation: aio_co_reschedule_self points to GENERATION=5.2\n"),
        "{text}"
    );
    assert!(text.ends_with(PLAIN), "{text}");
}
