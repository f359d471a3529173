//! Flags from a build system: its `compile_commands.json`, and paths relative to its build folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::asked::{scratch, Asked};

/// A tree as Meson lays it out, in a folder of this name: sources, and a build folder beside them whose
/// `compile_commands.json` is this. Returns the folder and the file.
fn meson_tree(name: &str, command: &str) -> (PathBuf, PathBuf) {
    let tree = scratch("meson").join(name);
    let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capi-tests/host");
    for (file, from) in [
        ("include/block/aio.h", "loop-6.0/block/aio.h"),
        ("include/qemu/osdep.h", "since-2.9/qemu/osdep.h"),
        ("include/qemu/since_2_9.h", "since-2.9/qemu/since_2_9.h"),
        ("include/qemu/event_notifier.h", "common/qemu/event_notifier.h"),
        ("subprojects/thread/qemu/thread.h", "common/qemu/thread.h"),
        ("linux-headers/qemu/source.h", "common/qemu/source.h"),
    ] {
        let path = tree.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::copy(trees.join(from), path).expect("the trees are there");
    }
    let build = tree.join("build");
    fs::create_dir_all(&build).expect("a writable folder");
    fs::write(build.join("config-host.h"), "#define CONFIG_LINUX_IO_URING 1\n").expect("writable");
    let file = build.join("compile_commands.json");
    fs::write(&file, command.replace("BUILD", &build.display().to_string())).expect("writable");
    (tree, file)
}

/// The line of a compiler that such a build system writes.
const COMPILE: &str = "cc -m64 -Ilibqemuutil.a.p -I.. -isystem ../linux-headers -iquote . -iquote \
                       ../include -isystem../subprojects/thread -include config-host.h \
                       -DCONFIG_DEBUG_MUTEX -D 'TEXT=\\\"a b\\\"' -ffreestanding -Wall -Wno-no-such-thing \
                       -fno-such-option -O2 -g -MD -MQ x.o -MF x.o.d -o x.o -c ../util/async.c";

fn entry(source: &str, command: &str) -> String {
    format!(
        "{{\"directory\": \"BUILD\", \"file\": \"../{source}\", \"output\": \"x.o\", \
         \"command\": \"{command}\"}}"
    )
}

/// Flags, folder and `-include`s come from there, and relative paths are in the build folder.
#[test]
fn compile_commands_say_how_a_source_is_compiled() {
    let words = ["cc", "-m64", "-iquote", "../include", "-isystem", "../linux-headers"];
    let words = [&words[..], &["-I../subprojects/thread", "-ffreestanding"]].concat();
    let arguments = format!(
        "{{\"directory\": \"BUILD\", \"file\": \"../tests/loop.c\", \"arguments\": {words:?}}}"
    );
    let other = entry("block/block.c", "cc -c ../block/block.c");
    let json = format!("[{other}, {}, {arguments}]", entry("util/async.c", COMPILE));
    let (_, file) = meson_tree("commands", &json);
    let file = file.display().to_string();
    let asked = |more| Asked { include: Vec::new(), more, ..Asked::new("loop-6.0", &[], "5.2") };
    let commands = ("HOST_COMPILE_COMMANDS", &*file);
    let given = [("HOST_CFLAGS", ""), commands];
    // With the mutex's option of the command line and the one of the included file.
    let fits = "qemu-5.2 notify_me@176 notified@208 notifier@212";
    assert_eq!(asked(&given).fits(), fits);
    // Another source, with neither; and what HOST_CFLAGS adds.
    let other = [("HOST_CFLAGS", ""), commands, ("HOST_SOURCE", "tests/loop.c")];
    assert_eq!(asked(&other).fits(), "qemu-5.2 notify_me@160 notified@192 notifier@196");
    let added = [("HOST_CFLAGS", "-DCONFIG_DEBUG_MUTEX"), commands, other[2]];
    assert_eq!(asked(&added).fits(), "qemu-5.2 notify_me@168 notified@200 notifier@204");
    let output = asked(&given).run();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = format!("\nflags:      {file}, of ");
    assert!(text.contains(&line) && text.contains("/commands/util/async.c\n"), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn compile_commands_that_say_nothing_are_refused() {
    for (name, json, source, expected, found) in [
        ("empty", "[]", "", "an entry for util/async.c or async.c", "none among 0"),
        ("no-json", "cc -c", "", "JSON", "expected value"),
        ("no-command", "[{\"directory\": \"BUILD\", \"file\": \"async.c\"}]", "", "a command", ""),
        ("relative", "[{\"directory\": \"x\", \"file\": \"async.c\"}]", "", "an absolute", "x"),
        ("another", "[]", "own/loop.c", "an entry for own/loop.c", "none among 0"),
    ] {
        let (_, file) = meson_tree(name, json);
        let file = file.display().to_string();
        let more =
            [("HOST_CFLAGS", ""), ("HOST_COMPILE_COMMANDS", &*file), ("HOST_SOURCE", source)];
        let message = Asked { more: &more, ..Asked::new("loop-6.0", &[], "5.2") }.refused();
        let start = format!("HOST_COMPILE_COMMANDS: {file}: expected {expected}");
        assert!(message.starts_with(&start) && message.contains(found), "{message}");
    }
    let (_, file) = meson_tree("gone", "[]");
    fs::remove_file(&file).expect("it was written");
    let file = file.display().to_string();
    let more = [("HOST_CFLAGS", ""), ("HOST_COMPILE_COMMANDS", &*file)];
    let message = Asked { more: &more, ..Asked::new("loop-6.0", &[], "5.2") }.refused();
    assert!(message.contains("expected a file that can be read"), "{message}");
}

/// Relative to this project they would lead to its own `block/aio.h`.
#[test]
fn relative_paths_are_refused_or_relative_to_the_build_folder() {
    let (tree, _) = meson_tree("relative-flags", "[]");
    let build = tree.join("build").display().to_string();
    for flags in ["-Iinclude", "-I include", "-iquoteinclude", "-isystem include", "-I."] {
        let more = [("HOST_CFLAGS", flags)];
        let message = Asked { more: &more, ..Asked::new("loop-6.0", &[], "5.2") }.refused();
        assert!(
            message.starts_with("HOST_CFLAGS: expected absolute paths, found -i")
                || message.starts_with("HOST_CFLAGS: expected absolute paths, found -I"),
            "{message}"
        );
        assert!(message.contains("HOST_DIR, or better HOST_COMPILE_COMMANDS"), "{message}");
    }
    let flags = "-I../include -I ../linux-headers -isystem ../subprojects/thread -ffreestanding";
    let mut more = [("HOST_CFLAGS", flags), ("HOST_DIR", &*build)];
    let fits = Asked { more: &more, ..Asked::new("loop-6.0", &[], "5.2") }.fits();
    assert_eq!(fits, "qemu-5.2 notify_me@160 notified@192 notifier@196");
    // The forced header that is there, not one that is searched for.
    let forced = format!("{flags} -include config-host.h");
    more[0].1 = &forced;
    let fits = Asked { more: &more, ..Asked::new("loop-6.0", &[], "5.2") }.fits();
    assert_eq!(fits, "qemu-5.2 notify_me@168 notified@200 notifier@204");
    more[1].1 = "build";
    let message = Asked { more: &more, ..Asked::new("loop-6.0", &[], "5.2") }.refused();
    assert!(message.starts_with("HOST_DIR: expected an absolute path, found build"), "{message}");
    let more = [("HOST_CFLAGS", ""), ("HOST_HEADER", ""), more[1]];
    let message = Asked { more: &more, ..Asked::new("loop-6.0", &[], "5.2") }.refused();
    assert!(message.starts_with("HOST_DIR is given without HOST_CFLAGS"), "{message}");
}
