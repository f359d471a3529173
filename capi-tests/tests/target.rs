//! What the library says it was built for, and how a program checks that it fits.

use std::fs;

use capi_tests::{elf, output, prefix, program, read, root, succeed, Finished, Linkage, Program};

/// A program that prints the target, and checks a type that stands behind the header.
fn checked(name: &str, types: &str, of: &str, linkage: Linkage) -> Finished {
    let text = format!(
        "#include <stdio.h>\n#include \"block/aio.h\"\n#include \"aionotify/target.h\"\n{types}\n\
         int main(void)\n{{\n    puts(aionotify_target());\n    fflush(stdout);\n    \
         AIONOTIFY_CHECK_LAYOUT({of});\n    return 0;\n}}\n"
    );
    output(&mut program(&Program::with_text(name, &text).build(linkage)))
}

#[test]
fn the_reference_fits_its_own_header() {
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        let finished = checked("fits", "", "AioContext", linkage);
        assert!(finished.status.success(), "{}", finished.stderr);
        assert_eq!(finished.stderr, "");
        if cfg!(target_arch = "x86_64") && std::env::var_os("AIONOTIFY_TARGET").is_none() {
            let target = "qemu-2.4 notify_me@236 notified@292 notifier@296\n";
            assert_eq!(finished.stdout, target);
        }
    }
}

#[test]
fn another_layout_aborts_with_both_numbers() {
    for (name, members, words) in [
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
    ] {
        let types = format!("struct other {{ {members} }};");
        let finished = checked(name, &types, "struct other", Linkage::Dynamic);
        assert_eq!(finished.signal(), Some(6), "{finished:?}");
        assert!(finished.stderr.starts_with("aionotify: AIONOTIFY_CHECK_LAYOUT: "));
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
        let ours = finished.stderr.lines().filter(|line| line.starts_with("aionotify: "));
        assert_eq!(ours.count(), 1, "{}", finished.stderr);
    }
}

/// In the shared library, and in a program with the static one that calls nothing but this.
#[test]
fn the_note_is_in_the_file() {
    let text = "#include \"block/aio.h\"\n\
                int main(void) { static AioContext ctx; aio_notify(&ctx); return 0; }\n";
    let with_archive = Program::with_text("note", text).build(Linkage::Static);
    for file in [prefix().join("lib/libaionotify.so"), with_archive] {
        assert_eq!(elf::notes(&file), ["aionotify"], "{}", file.display());
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
    assert_eq!(includes, ["#include <stddef.h>"]);
    let text = "#include \"aionotify/target.h\"\n\
                struct EventNotifier { char own[40]; };\n\
                int main(void) { return aionotify_target()[0] != 'q'; }\n";
    succeed(&mut program(&Program::with_text("own-types", text).build(Linkage::Dynamic)));
}
