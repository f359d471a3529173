//! Headers that do not fit, and requests that make no sense: each is refused with what to do.

use std::path::Path;
use std::process::Command;

use super::asked::{mistaken, Asked};

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
