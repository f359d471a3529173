//! What the report says of the header trees in `capi-tests/host`, for two architectures, and of
//! every mistake that must be refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const X86_64: &str = "x86_64-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// A tree, and the flags and variables with which it is read.
struct Asked<'a> {
    target: &'a str,
    include: Vec<PathBuf>,
    options: &'a [&'a str],
    header: &'a str,
    generation: &'a str,
    /// Further variables, without `AIONOTIFY_`.
    more: &'a [(&'a str, &'a str)],
}

impl<'a> Asked<'a> {
    fn new(tree: &str, options: &'a [&'a str], generation: &'a str) -> Self {
        let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capi-tests/host");
        let trees = trees.canonicalize().expect("the trees are there");
        let include = ["common", tree, "since-2.9"].map(|name| trees.join(name));
        // `qemu/osdep.h` is of the trees since 2.9.
        let since_2_9 = !matches!(tree, "loop-2.4" | "unmarked");
        let include = include[..if since_2_9 { 3 } else { 2 }].to_vec();
        Self { target: X86_64, include, options, header: "block/aio.h", generation, more: &[] }
    }

    fn flags(&self) -> Vec<String> {
        // Free-standing, so that the C library's headers of the target are not needed.
        let flags = self.include.iter().map(|folder| format!("-I{}", folder.display()));
        let flags = flags.chain(self.options.iter().map(|&option| option.to_owned()));
        flags.chain(["-ffreestanding".to_owned()]).collect()
    }

    fn run(&self) -> Output {
        let mut report = Command::new(env!("CARGO_BIN_EXE_host-report"));
        report
            .arg(self.target)
            .env("AIONOTIFY_HOST_CFLAGS", self.flags().join(" "))
            .env("AIONOTIFY_HOST_HEADER", self.header)
            .env("AIONOTIFY_GENERATION", self.generation);
        for (name, value) in self.more {
            report.env(format!("AIONOTIFY_{name}"), value);
        }
        report.output().expect("the report can be run")
    }

    /// The last line of the report.
    fn fits(&self) -> String {
        let output = self.run();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let last = text.lines().last().expect("a report").to_owned();
        last.strip_prefix("fits:       ").expect("what it fits").to_owned()
    }

    /// The message that a build would stop with: one line, without what all have in common. clang may
    /// have said before why it cannot read something.
    fn refused(&self) -> String {
        let output = self.run();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        let start = format!("aio-notify: cannot build for {}: ", self.target);
        let ours: Vec<&str> = text.lines().filter(|line| line.starts_with(&start)).collect();
        assert_eq!(ours.len(), 1, "{text}");
        ours[0][start.len()..].to_owned()
    }

    /// clang, asked in C for the same figures: a report that fits must compile as assertions.
    fn assert_c_agrees(&self, fits: &str) {
        let mut text = format!(
            "#include <stddef.h>\n#if __has_include(\"qemu/osdep.h\")\n#include \
             \"qemu/osdep.h\"\n#endif\n#include \"{}\"\n",
            self.header
        );
        for word in fits.split(' ').skip(1) {
            let (field, offset) = word.split_once('@').expect("FIELD@OFFSET");
            text += &format!("_Static_assert(offsetof(AioContext, {field}) == {offset}, \"\");\n");
        }
        let source = scratch("assertions").join(format!("{}.c", fits.replace(['@', ' '], "-")));
        fs::write(&source, text).expect("a writable folder");
        let mut clang = Command::new("clang");
        clang.arg(format!("--target={}", self.target)).args(self.flags());
        let output = clang.arg("-fsyntax-only").arg(source).output().expect("there is clang");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a writable folder");
    folder
}

#[test]
fn layouts_are_those_of_the_c_compiler_on_two_architectures() {
    let debug: &[&str] = &["-DCONFIG_DEBUG_MUTEX", "-DCONFIG_LINUX_AIO"];
    let ring: &[&str] = &["-DCONFIG_DEBUG_MUTEX", "-DCONFIG_LINUX_IO_URING"];
    let twelve: &[&str] = &["-DHAVE_INITIALIZED"];
    for (tree, options, generation, target, expected) in [
        ("loop-2.4", &[][..], "2.4", X86_64, "qemu-2.4 notify_me@236 notified@292 notifier@296"),
        ("loop-2.4", &[], "2.4", AARCH64, "qemu-2.4 notify_me@244 notified@308 notifier@312"),
        ("loop-2.4", debug, "2.4", X86_64, "qemu-2.4 notify_me@264 notified@340 notifier@344"),
        ("loop-2.4", debug, "2.4", AARCH64, "qemu-2.4 notify_me@272 notified@356 notifier@360"),
        // A loop of its own making: both marks.
        ("loop-2.4", twelve, "2.4", X86_64, "qemu-2.4 notify_me@236 notified@292 notifier@296"),
        ("loop-2.4", twelve, "5.2", X86_64, "qemu-5.2 notify_me@236 notified@292 notifier@296"),
        ("loop-2.9", &[], "2.4", X86_64, "qemu-2.4 notify_me@152 notified@168 notifier@172"),
        ("loop-2.9", &[], "2.4", AARCH64, "qemu-2.4 notify_me@160 notified@176 notifier@180"),
        ("loop-5.0", &[], "2.4", X86_64, "qemu-2.4 notify_me@160 notified@192 notifier@196"),
        ("loop-5.0", &[], "2.4", AARCH64, "qemu-2.4 notify_me@168 notified@200 notifier@204"),
        ("loop-5.2", &[], "5.2", X86_64, "qemu-5.2 notify_me@160 notified@192 notifier@196"),
        ("loop-5.2", &[], "5.2", AARCH64, "qemu-5.2 notify_me@168 notified@200 notifier@204"),
        ("loop-6.0", &[], "5.2", X86_64, "qemu-5.2 notify_me@160 notified@192 notifier@196"),
        ("loop-6.0", &[], "5.2", AARCH64, "qemu-5.2 notify_me@168 notified@200 notifier@204"),
        ("loop-8.2", &[], "5.2", X86_64, "qemu-5.2 notify_me@168 notified@200 notifier@204"),
        ("loop-8.2", &[], "5.2", AARCH64, "qemu-5.2 notify_me@176 notified@208 notifier@212"),
        ("loop-8.2", ring, "5.2", X86_64, "qemu-5.2 notify_me@184 notified@216 notifier@220"),
        ("loop-8.2", ring, "5.2", AARCH64, "qemu-5.2 notify_me@192 notified@224 notifier@228"),
        ("unmarked", &[], "2.4", X86_64, "qemu-2.4 notify_me@96 notified@100 notifier@104"),
        ("unmarked", &[], "5.2", AARCH64, "qemu-5.2 notify_me@96 notified@100 notifier@104"),
    ] {
        let asked = Asked { target, ..Asked::new(tree, options, generation) };
        let fits = asked.fits();
        assert_eq!(fits, expected, "{tree} {options:?} {target}");
        asked.assert_c_agrees(&fits);
    }
}

#[test]
fn the_report_has_places_types_and_evidence() {
    let output = Asked::new("loop-6.0", &[], "5.2").run();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "AioContext: 568 bytes, ",
        "/since-2.9/qemu/since_2_9.h:",
        "160 notify_me: uint32_t\n",
        "192 notified: bool\n",
        "196 notifier: EventNotifier\n",
        "EventNotifier: 12 bytes, ",
        "/qemu/event_notifier.h:",
        "8 initialized: bool\n",
        "aio_co_reschedule_self: returns void, takes 1, ",
        "EventNotifier.initialized, aio_co_reschedule_self points to GENERATION=5.2\n",
    ] {
        assert!(text.contains(words), "no {words:?} in:\n{text}");
    }
}

/// What the headers show of the generation, and whose `event_notifier_set_handler` is.
#[test]
fn the_report_says_what_shows_the_generation() {
    let bh_list = "AioContext.bh_list without EventNotifier.initialized and \
                   aio_co_reschedule_self points to GENERATION=2.4 (QEMU 5.0 and 5.1)";
    for (tree, options, generation, shown, own_handler) in [
        ("loop-2.4", &[][..], "2.4", "AioContext.first_bh, AioContext.walking_bh points to", false),
        ("loop-2.9", &[], "2.4", "AioContext.first_bh points to GENERATION=2.4", true),
        ("loop-5.0", &[], "2.4", bh_list, true),
        ("loop-5.2", &[], "5.2", "aio_co_reschedule_self points to GENERATION=5.2", true),
        ("unmarked", &[], "2.4", "the headers do not show it; GENERATION=2.4 decides", false),
        ("unmarked", &[], "5.2", "the headers do not show it; GENERATION=5.2 decides", false),
        (
            "loop-2.4",
            &["-DHAVE_INITIALIZED"],
            "5.2",
            "AioContext.first_bh, AioContext.walking_bh is of loops up to QEMU 5.1, \
             EventNotifier.initialized of later ones; GENERATION=5.2 decides",
            false,
        ),
    ] {
        let output = Asked::new(tree, options, generation).run();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = format!("\ngeneration: {shown}");
        assert!(text.contains(&line), "{tree}: no {line:?} in:\n{text}");
        let handler = text.lines().find(|line| line.starts_with("event_notifier_set_handler: "));
        let handler = handler.expect("all trees declare it");
        let whose = if own_handler { "stays the tree's own" } else { "the library's" };
        assert!(handler.ends_with(whose), "{tree}: {handler}");
    }
}

/// A message that names another generation names one that is then taken.
#[test]
fn no_message_sends_back_to_what_was_refused() {
    let mut refused = 0;
    for tree in ["loop-2.4", "loop-2.9", "loop-5.0", "loop-5.2", "loop-6.0", "loop-8.2"] {
        let taken: Vec<&str> = ["2.4", "5.2"]
            .into_iter()
            .filter(|generation| {
                let asked = Asked::new(tree, &[], generation);
                if asked.run().status.success() {
                    return true;
                }
                refused += 1;
                let other = if *generation == "2.4" { "5.2" } else { "2.4" };
                let message = asked.refused();
                assert!(message.contains(&format!("build with GENERATION={other}")), "{message}");
                assert!(!message.contains(&format!("build with GENERATION={generation}")));
                false
            })
            .collect();
        assert_eq!(taken.len(), 1, "{tree}");
        let shown = Asked::new(tree, &[], "").refused();
        assert!(shown.contains(&format!("points to GENERATION={}", taken[0])), "{shown}");
    }
    assert_eq!(refused, 6);
}

/// A snapshot from the development of 5.2 has the headers of 5.1; what the message advises works.
#[test]
fn a_snapshot_declares_what_its_headers_lack() {
    let message = Asked::new("loop-5.0", &[], "5.2").refused();
    assert!(message.contains("declare aio_co_reschedule_self in its block/aio.h"), "{message}");
    let include = mistaken(
        "loop-5.0",
        "block/aio.h",
        "#endif /* HOST_BLOCK_AIO_H */",
        "void aio_co_reschedule_self(AioContext *ctx);\n#endif",
    );
    let asked = Asked { include, ..Asked::new("loop-5.0", &[], "5.2") };
    assert_eq!(asked.fits(), "qemu-5.2 notify_me@160 notified@192 notifier@196");
}

/// A header that leads to another, a typedef on the way, two headers: all are found.
#[test]
fn other_ways_to_say_the_same() {
    let folder = scratch("ways");
    fs::write(folder.join("types.h"), "typedef unsigned int word;\ntypedef _Bool flag;\n")
        .expect("a writable folder");
    let text = "typedef struct EventNotifier { int rfd, wfd; } EventNotifier;\n\
                struct Context { long before; word notify_me; flag notified; EventNotifier \
                notifier; };\n";
    fs::write(folder.join("loop.h"), text.replace("struct Context", "struct AioContext"))
        .expect("a writable folder");
    let asked = Asked {
        include: vec![folder],
        header: "types.h loop.h",
        ..Asked::new("unmarked", &[], "2.4")
    };
    assert_eq!(asked.fits(), "qemu-2.4 notify_me@8 notified@12 notifier@16");
}

/// A copy of a tree's header in which a text is replaced.
fn mistaken(tree: &str, file: &str, from: &str, to: &str) -> Vec<PathBuf> {
    let original = Asked::new(tree, &[], "");
    let name = format!("{from}-{to}").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let copy = scratch("mistakes").join(name);
    let text = original
        .include
        .iter()
        .find_map(|folder| fs::read_to_string(folder.join(file)).ok())
        .expect("one of them has the header");
    assert_eq!(text.matches(from).count(), 1, "{file} has once: {from}");
    let path = copy.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(path, text.replace(from, to)).expect("a writable folder");
    [vec![copy], original.include].concat()
}

/// Each mistake: what is replaced in which tree, and the message's field, expected, and found.
#[test]
fn every_mistake_is_refused() {
    let aio = "block/aio.h";
    let event = "qemu/event_notifier.h";
    let since = "qemu/since_2_9.h";
    for (tree, file, from, to, generation, field, expected, found) in [
        // A field is missing, or hides in a bit-field.
        (
            "loop-2.4",
            aio,
            "    uint32_t notify_me;\n",
            "",
            "2.4",
            "AioContext.notify_me",
            "uint32_t",
            "no such field",
        ),
        (
            "loop-2.4",
            aio,
            "    bool notified;\n",
            "",
            "2.4",
            "AioContext.notified",
            "bool",
            "no such field",
        ),
        (
            "loop-2.4",
            aio,
            "bool notified;",
            "bool notified : 1;",
            "2.4",
            "AioContext.notified",
            "bool",
            "no such field (nor can it be a bit-field)",
        ),
        (
            "loop-2.4",
            aio,
            "    EventNotifier notifier;\n",
            "",
            "2.4",
            "AioContext.notifier",
            "EventNotifier",
            "no such field",
        ),
        (
            "loop-2.4",
            event,
            "    int rfd;\n",
            "",
            "2.4",
            "EventNotifier.rfd",
            "int",
            "no such field",
        ),
        (
            "loop-2.4",
            event,
            "int wfd;",
            "int writefd;",
            "2.4",
            "EventNotifier.wfd",
            "int",
            "no such field",
        ),
        // Another type or width.
        (
            "loop-2.4",
            aio,
            "uint32_t notify_me",
            "uint64_t notify_me",
            "2.4",
            "AioContext.notify_me",
            "uint32_t",
            "uint64_t",
        ),
        (
            "loop-2.4",
            aio,
            "uint32_t notify_me",
            "uint8_t notify_me",
            "2.4",
            "AioContext.notify_me",
            "uint32_t",
            "uint8_t",
        ),
        (
            "loop-2.4",
            aio,
            "uint32_t notify_me",
            "int notify_me",
            "2.4",
            "AioContext.notify_me",
            "uint32_t",
            "int",
        ),
        (
            "loop-6.0",
            since,
            "bool notified",
            "int notified",
            "5.2",
            "AioContext.notified",
            "bool",
            "int",
        ),
        (
            "loop-2.4",
            aio,
            "EventNotifier notifier",
            "EventNotifier *notifier",
            "2.4",
            "AioContext.notifier",
            "EventNotifier",
            "EventNotifier *",
        ),
        ("loop-2.4", event, "int rfd", "short rfd", "2.4", "EventNotifier.rfd", "int", "int16_t"),
        (
            "loop-6.0",
            event,
            "bool initialized",
            "int initialized",
            "5.2",
            "EventNotifier.initialized",
            "bool",
            "int",
        ),
        // Where no atomic access can be.
        (
            "unmarked",
            aio,
            "typedef struct AioContext {",
            "#pragma pack(1)\ntypedef struct \
            AioContext {\n    char odd;",
            "2.4",
            "AioContext.notify_me",
            "uint32_t",
            "one at offset 97, which is no multiple of 4",
        ),
        // The other generation.
        (
            "loop-6.0",
            aio,
            "HOST_BLOCK_AIO_H\n#define",
            "HOST_BLOCK_AIO_H\n\n#define",
            "2.4",
            "EventNotifier.initialized",
            "no such name with GENERATION=2.4",
            "it, a mark of generation 5.2",
        ),
        (
            "loop-5.2",
            aio,
            "HOST_BLOCK_AIO_H\n#define",
            "HOST_BLOCK_AIO_H\n\n#define",
            "2.4",
            "aio_co_reschedule_self",
            "no such name with GENERATION=2.4",
            "it, a mark of generation 5.2",
        ),
        (
            "loop-2.4",
            aio,
            "HOST_BLOCK_AIO_H\n#define",
            "HOST_BLOCK_AIO_H\n\n#define",
            "5.2",
            "AioContext.first_bh",
            "no such name with GENERATION=5.2",
            "it, a mark of generation 2.4",
        ),
        (
            "loop-2.4",
            aio,
            "    struct QEMUBH *first_bh;\n",
            "",
            "5.2",
            "AioContext.walking_bh",
            "no such name with GENERATION=5.2",
            "it, a mark of generation 2.4",
        ),
        (
            "loop-5.0",
            aio,
            "HOST_BLOCK_AIO_H\n#define",
            "HOST_BLOCK_AIO_H\n\n#define",
            "5.2",
            "AioContext.bh_list",
            "EventNotifier.initialized or aio_co_reschedule_self beside it with GENERATION=5.2",
            "neither, as in QEMU 5.0 and 5.1",
        ),
        // None at all: it is never guessed.
        (
            "loop-6.0",
            aio,
            "HOST_BLOCK_AIO_H\n#define",
            "HOST_BLOCK_AIO_H\n\n#define",
            "",
            "GENERATION",
            "2.4 (loops up to QEMU 5.1) or 5.2",
            "none given",
        ),
        // No struct, or no header.
        (
            "unmarked",
            aio,
            "typedef struct AioContext {\n    GSource source;\n    uint32_t notify_me;\n    \
             bool notified;\n    EventNotifier notifier;\n}",
            "typedef struct AioContext",
            "2.4",
            "AioContext",
            "the definition of the struct",
            "a declaration only",
        ),
        (
            "unmarked",
            aio,
            "#include \"qemu/source.h\"",
            "#include \"no-such.h\"",
            "2.4",
            "the header",
            "one that clang can read",
            "'no-such.h' file not found",
        ),
    ] {
        // Some of the mistakes need no change of the text.
        let unchanged = to.replace("\n\n", "\n") == from;
        let include = match unchanged {
            true => Asked::new(tree, &[], "").include,
            false => mistaken(tree, file, from, to),
        };
        let message = Asked { include, ..Asked::new(tree, &[], generation) }.refused();
        let words = format!("{field}: expected {expected}");
        assert!(message.contains(&words), "no {words:?} in {message:?}");
        let (_, rest) = message.split_once(&words).expect("as above");
        assert!(rest.contains("found ") && rest.contains(found), "no {found:?} in {message:?}");
        assert!(message.rsplit("; ").next().is_some_and(|todo| todo.len() > 20), "{message}");
        // The file and line of the struct, where there is one.
        assert!(message.contains(".h:"), "{message}");
    }
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let message = Asked::new("loop-2.4", &[], "3.0").refused();
    assert!(message.starts_with("GENERATION: expected 2.4"), "{message}");
    assert!(message.contains("found \"3.0\""), "{message}");
    let message = Asked::new("loop-2.4", &["-D'unbalanced"], "2.4").refused();
    assert!(message.starts_with("HOST_CFLAGS: expected words"), "{message}");
    let message = Asked { header: "no/such.h", ..Asked::new("loop-2.4", &[], "2.4") }.refused();
    assert!(message.starts_with("no/such.h: the header: expected one"), "{message}");
}

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

/// Whole or half: a folder of the library's headers shadows the tree's `qemu/thread.h`.
#[test]
fn this_projects_headers_are_never_the_programs() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let ours = ours.canonicalize().expect("the headers are there");
    let mut half = Asked::new("loop-2.4", &[], "2.4");
    half.include.insert(1, ours.clone());
    half.include.swap(0, 2);
    for asked in [Asked { include: vec![ours], ..Asked::new("loop-2.4", &[], "2.4") }, half] {
        // The C library's headers, which ours need.
        let flags = asked.flags().join(" ").replace("-ffreestanding", "");
        let glib = Command::new("pkg-config").args(["--cflags", "glib-2.0"]).output();
        let glib = String::from_utf8(glib.expect("there is pkg-config").stdout).expect("flags");
        let flags = format!("{flags} {}", glib.trim());
        let message = Asked { more: &[("HOST_CFLAGS", &flags)], ..asked }.refused();
        assert!(
            message.contains("the header: expected the program's own, found this"),
            "{message}"
        );
    }
}

/// clang's first complaint, once, though it has more.
#[test]
fn a_header_that_cannot_be_read_is_said_once() {
    let include =
        mistaken("loop-6.0", "block/aio.h", "#include \"qemu/since_2_9.h\"", "odd a; odd b;");
    let output = Asked { include, ..Asked::new("loop-6.0", &[], "5.2") }.run();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(text.matches("error:").count(), 1, "{text}");
    assert!(text.contains("unknown type name 'odd'"), "{text}");
}
