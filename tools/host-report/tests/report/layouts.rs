//! Headers that fit: the layout, the generation and the evidence that the report has of them.

use std::fs;

use super::asked::{mistaken, scratch, Asked, AARCH64, X86_64};

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
