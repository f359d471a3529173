//! What the library says it was built for, and how a program checks that it fits.

use std::fs;

use capi_tests::{abi, elf, output, prefix, program, read, root, succeed, Linkage, Program};

/// A program that prints the target, and checks a type that stands behind the header.
fn checking(name: &str, types: &str, of: &str) -> Program {
    let text = format!(
        "#include <stdio.h>\n#include \"block/aio.h\"\n#include \"aionotify/target.h\"\n{types}\n\
         int main(void)\n{{\n    puts(aionotify_target());\n    fflush(stdout);\n    \
         AIONOTIFY_CHECK_LAYOUT({of});\n    return 0;\n}}\n"
    );
    Program::with_text(name, &text)
}

const LIBRARIES: [&str; 2] = ["aionotify", "aiocontext"];

#[test]
fn the_reference_fits_its_own_header() {
    let offsets = ["notify_me", "notified", "notifier"].map(|member| {
        abi::offset(&abi::architecture(), member).map(|offset| format!(" {member}@{offset}"))
    });
    for library in LIBRARIES {
        for linkage in [Linkage::Dynamic, Linkage::Static] {
            let fits = checking(&format!("fits-{library}"), "", "AioContext").with(library);
            let finished = output(&mut program(&fits.build(linkage)));
            assert!(finished.status.success(), "{}", finished.stderr);
            assert_eq!(finished.stderr, "");
            if let [Some(notify_me), Some(notified), Some(notifier)] = &offsets {
                let target = format!("qemu-2.4{notify_me}{notified}{notifier}\n");
                assert_eq!(finished.stdout, target);
            }
        }
    }
}

/// Types that differ from the reference's, by a name, and what is said of each.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "moved",
        "char before[1000]; uint32_t notify_me; bool notified; EventNotifier notifier;",
        "offset of AioContext.notify_me: 1000 in the program, ",
    ),
    (
        "larger",
        "char before[offsetof(AioContext, notify_me)]; uint32_t notify_me; \
         char between[offsetof(AioContext, notified) - offsetof(AioContext, notify_me) - 4]; \
         bool notified; struct { int rfd, wfd; bool initialized; } notifier;",
        "size of EventNotifier: 12 in the program, 8 in the library, which is for qemu-2.4 ",
    ),
    (
        "swapped",
        "char before[offsetof(AioContext, notify_me)]; uint32_t notify_me; \
         char between[offsetof(AioContext, notified) - offsetof(AioContext, notify_me) - 4]; \
         bool notified; struct { int wfd, rfd; } notifier;",
        "offset of EventNotifier.rfd: 4 in the program, 0 in the library, which is for qemu-2.4 ",
    ),
];

#[test]
fn another_layout_aborts_with_both_numbers() {
    for library in LIBRARIES {
        let shorter = (
            "shorter",
            "char before[offsetof(AioContext, notify_me)]; uint32_t notify_me; \
             char between[offsetof(AioContext, notified) - offsetof(AioContext, notify_me) - 4]; \
             bool notified; EventNotifier notifier;",
            "size of AioContext: ",
        );
        // Whose loop it is minds what is behind the notifier.
        let more = (library == "aiocontext").then_some(shorter);
        for (name, members, words) in OTHERS.iter().copied().chain(more) {
            let types = format!("struct other {{ {members} }};");
            let other = checking(&format!("{name}-{library}"), &types, "struct other")
                .with(library)
                .flags(&["-DAIONOTIFY_CHECK_AT_RUN_TIME"]);
            let finished = output(&mut program(&other.build(Linkage::Dynamic)));
            assert_eq!(finished.signal(), Some(6), "{finished:?}");
            let start = format!("{library}: AIONOTIFY_CHECK_LAYOUT: {words}");
            assert!(finished.stderr.starts_with(&start), "{}", finished.stderr);
            let start = format!("{library}: ");
            let ours = finished.stderr.lines().filter(|line| line.starts_with(&start));
            assert_eq!(ours.count(), 1, "{}", finished.stderr);
        }
    }
}

#[test]
fn another_layout_is_not_linked() {
    if !["x86_64", "aarch64"].contains(&&*abi::architecture()) {
        return;
    }
    for library in LIBRARIES {
        let types = format!("struct other {{ {} }};", OTHERS[0].1);
        let other = checking(&format!("unlinked-{library}"), &types, "struct other").with(library);
        let stderr = other.refused();
        assert!(stderr.contains("undefined reference to `aionotify_for_24_1000_1004_1008_8'"));
    }
}

/// In the shared library, and in a program with the static one that calls nothing but this.
#[test]
fn the_note_is_in_the_file() {
    let text = "#include \"block/aio.h\"\n\
                int main(void) { static AioContext ctx; aio_notify(&ctx); return 0; }\n";
    let with_archive = Program::with_text("note", text).build(Linkage::Static);
    for file in [prefix().join("lib/libaionotify.so"), with_archive] {
        assert_eq!(elf::notes(&file), ["aionotify", "aionotify"], "{}", file.display());
        let bytes = fs::read(&file).expect("it has been built");
        let start = b"aionotify\0\0\0qemu-2.4 notify_me@";
        assert!(bytes.windows(start.len()).any(|part| part == start), "{}", file.display());
    }
    let without = Program::with_text("no-note", "int main(void) { return 0; }\n");
    assert_eq!(elf::notes(&without.build(Linkage::Static)), [""; 0]);
}

/// A program's own header may declare all that the library's other headers do.
#[test]
fn the_header_needs_no_other() {
    let header = read(&root().join("include/aionotify/target.h"));
    let includes: Vec<&str> = header.lines().filter(|line| line.starts_with("#include")).collect();
    assert_eq!(includes, ["#include <stddef.h>", "#include <stdint.h>"]);
    let text = "#include \"aionotify/target.h\"\n\
                struct EventNotifier { char own[40]; };\n\
                int main(void) { return aionotify_target()[0] != 'q'; }\n";
    succeed(&mut program(&Program::with_text("own-types", text).build(Linkage::Dynamic)));
}
