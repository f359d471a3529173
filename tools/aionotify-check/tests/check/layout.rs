//! Programs without a note of `AIONOTIFY_CHECK_LAYOUT`, whose debugging information has the layout.

use std::path::PathBuf;

use super::asked::{check, escapes, unknown};
use super::programs::*;

/// A program that notifies, or only declares its context, with these flags and lines.
fn program(name: &str, flags: &[&str], own: &str) -> PathBuf {
    let text = format!(
        "{HEADER}{own}\n\
         int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
    );
    let object = compiled(name, &text, flags);
    linked(name, &[text_of(&object)], &shared_library())
}

fn opaque(name: &str, declaration: &str, call: &str) -> PathBuf {
    let text = format!("{declaration}\nint main(void) {{ {call}; return 0; }}\n");
    let object = compiled(name, &text, &[]);
    linked(name, &[text_of(&object)], &shared_library())
}

#[test]
fn offsets_are_compared_without_a_note() {
    let fits = check(&program("layout-fits", &[], ""));
    assert_eq!(fits.status.code(), Some(0), "{fits:?}");
    let words = ": generation unknown: no note of AIONOTIFY_CHECK_LAYOUT; the offsets fit\n";
    assert!(fits.stdout.contains(words), "{fits:?}");
    // A member that loops of one generation have says which it is.
    let marked = check(&program("layout-marked", &["-DMARK_2_4"], ""));
    assert_eq!(marked.status.code(), Some(0), "{marked:?}");
    assert!(!marked.stdout.contains("unknown"), "{marked:?}");

    for version in ["-gdwarf-2", "-gdwarf-3"] {
        let old = [version, "-gstrict-dwarf"];
        assert_eq!(escapes(&program(&format!("layout-fits{version}"), &old, "")), [""; 0]);
        let moved = [&old[..], &["-DMORE=8"]].concat();
        let found = escapes(&program(&format!("layout-moved{version}"), &moved, ""));
        assert!(found[0].contains(" is laid out otherwise: notified "), "{found:?}");
    }
    let found = escapes(&program("layout-moved", &["-DMORE=8"], ""));
    assert!(found[0].contains("layout-moved.c is laid out otherwise: notified "), "{found:?}");
    let found = escapes(&program("layout-notifier", &["-DINITIALIZED"], ""));
    let words = "is laid out otherwise: sizeof(EventNotifier) 12, in the library 8";
    assert!(found[0].contains(words), "{found:?}");
    let words = "is of generation 52, as EventNotifier.initialized shows, in the library 24";
    assert_eq!(found[1], words);
    // An object file says so, too.
    let object = notifying("layout-object", &["-DINITIALIZED"]);
    assert_eq!(escapes(&object).len(), 2);
}

/// From 2.9 on that function is the tree's own: with the wrong library it must not be deleted.
#[test]
fn a_wrong_library_is_not_said_to_have_set_handler() {
    let own = "void event_notifier_set_handler(EventNotifier *e, void *handler);\n\
               void event_notifier_set_handler(EventNotifier *e, void *handler)\n\
               { (void)e; (void)handler; }\n\
               void set(EventNotifier *e); void set(EventNotifier *e) { event_notifier_set_handler(e, 0); }";
    let found = escapes(&program("set-handler-wrong", &["-DINITIALIZED"], own));
    assert!(found.iter().all(|line| !line.contains("event_notifier_set_handler")), "{found:?}");
    let found = escapes(&program("set-handler", &[], own));
    let words = "defines event_notifier_set_handler itself (GLOBAL); from QEMU 2.9 on it is the tree's own, \
                 and this library another tree's";
    assert_eq!(found[0], words);
    // What else is left is named after the layout.
    let accept = "void aio_notify_accept(AioContext *ctx) { ctx->notified = 0; }";
    let found = escapes(&program("wrong-and-left", &["-DMORE=8"], accept));
    assert!(found[0].contains(" is laid out otherwise: "), "{found:?}");
    assert_eq!(found[1], "defines aio_notify_accept itself (GLOBAL)");
}

#[test]
fn a_program_of_unknown_layout_cannot_be_told() {
    let context = "typedef struct AioContext AioContext;\nvoid aio_notify(AioContext *ctx);";
    let said = unknown(&opaque("opaque", context, "aio_notify(0)"));
    let words = ": cannot be told: its layout: neither a note of AIONOTIFY_CHECK_LAYOUT nor a \
                 description of AioContext\n";
    assert!(said.ends_with(words), "{said}");
    // The other functions look only into the notifier.
    let set = "int event_notifier_set(EventNotifier *e);";
    let own = "typedef struct EventNotifier { int rfd, wfd; } EventNotifier;";
    let call = "static EventNotifier e; event_notifier_set(&e)";
    let described = opaque("notifier-described", &format!("{own}\n{set}"), call);
    assert_eq!(escapes(&described), [""; 0]);
    let other = own.replace("wfd;", "wfd; _Bool initialized;");
    let found = escapes(&opaque("notifier-other", &format!("{other}\n{set}"), call));
    assert!(found[0].contains("sizeof(EventNotifier) 12, in the library 8"), "{found:?}");
    let declared = format!("typedef struct EventNotifier EventNotifier;\n{set}");
    unknown(&opaque("notifier-opaque", &declared, "event_notifier_set(0)"));
}

/// The check of the layout may stand in a library of the tree's.
#[test]
fn the_note_of_a_library_that_is_loaded_counts() {
    let context = "typedef struct AioContext AioContext;\nvoid aio_notify(AioContext *ctx);";
    let main = compiled(
        "note-main",
        &format!("{context}\nint main(void) {{ aio_notify(0); return 0; }}\n"),
        &[],
    );
    let program = |name: &str, member: &str| {
        let text = format!("{CONTEXT}{}", note(3, member));
        let library = shared_object(name, &text, &[]);
        let words = [text_of(&main), "-Wl,--no-as-needed", text_of(&library)];
        linked(name, &words, &shared_library())
    };
    assert_eq!(escapes(&program("note-fits", "0")), [""; 0]);
    let found = escapes(&program("note-differs", "4"));
    let words = "note-differs.so, laid out for another library: notified ";
    assert!(found[0].contains(words), "{found:?}");
}
