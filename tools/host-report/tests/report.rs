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
}

impl<'a> Asked<'a> {
    fn new(tree: &str, options: &'a [&'a str], generation: &'a str) -> Self {
        let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capi-tests/host");
        let trees = trees.canonicalize().expect("the trees are there");
        let include = vec![trees.join("common"), trees.join(tree)];
        Self { target: X86_64, include, options, header: "block/aio.h", generation }
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
        let mut text = format!("#include <stddef.h>\n#include \"{}\"\n", self.header);
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
    for (tree, options, generation, target, expected) in [
        ("loop-2.4", &[][..], "2.4", X86_64, "qemu-2.4 notify_me@236 notified@292 notifier@296"),
        ("loop-2.4", &[], "2.4", AARCH64, "qemu-2.4 notify_me@244 notified@308 notifier@312"),
        ("loop-2.4", debug, "2.4", X86_64, "qemu-2.4 notify_me@264 notified@340 notifier@344"),
        ("loop-2.4", debug, "2.4", AARCH64, "qemu-2.4 notify_me@272 notified@356 notifier@360"),
        ("loop-5.2", &[], "5.2", X86_64, "qemu-5.2 notify_me@152 notified@208 notifier@212"),
        ("loop-5.2", &[], "5.2", AARCH64, "qemu-5.2 notify_me@160 notified@224 notifier@228"),
        ("loop-5.2", ring, "5.2", X86_64, "qemu-5.2 notify_me@168 notified@240 notifier@244"),
        ("loop-5.2", ring, "5.2", AARCH64, "qemu-5.2 notify_me@176 notified@256 notifier@260"),
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
    let output = Asked::new("loop-5.2", &[], "5.2").run();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "AioContext: 264 bytes, ",
        "/loop-5.2/block/aio.h:",
        "152 notify_me: uint32_t\n",
        "208 notified: bool\n",
        "212 notifier: EventNotifier\n",
        "EventNotifier: 12 bytes, ",
        "/qemu/event_notifier.h:",
        "8 initialized: bool\n",
        "bh_list points to GENERATION=5.2\n",
    ] {
        assert!(text.contains(words), "no {words:?} in:\n{text}");
    }
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
            "loop-5.2",
            aio,
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
            "loop-5.2",
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
            "loop-5.2",
            aio,
            "HOST_BLOCK_AIO_H\n#define",
            "HOST_BLOCK_AIO_H\n\n#define",
            "2.4",
            "AioContext.bh_list",
            "no such field with GENERATION=2.4",
            "it, a field of generation 5.2",
        ),
        (
            "loop-2.4",
            aio,
            "HOST_BLOCK_AIO_H\n#define",
            "HOST_BLOCK_AIO_H\n\n#define",
            "5.2",
            "AioContext.first_bh",
            "no such field with GENERATION=5.2",
            "it, a field of generation 2.4",
        ),
        (
            "loop-2.4",
            aio,
            "    struct QEMUBH *first_bh;\n",
            "",
            "5.2",
            "AioContext.walking_bh",
            "no such field with GENERATION=5.2",
            "it, a field of generation 2.4",
        ),
        (
            "unmarked",
            aio,
            "#define HAVE_INITIALIZED\n",
            "",
            "5.2",
            "EventNotifier.initialized",
            "bool with GENERATION=5.2",
            "no such field",
        ),
        // None at all: it is never guessed.
        (
            "loop-5.2",
            aio,
            "a 5.2",
            "a  5.2",
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
        // Two of the mistakes need no change of the text.
        let unchanged = to.replace("\n\n", "\n") == from || to.replace("  ", " ") == from;
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
