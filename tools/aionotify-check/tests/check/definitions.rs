//! Definitions of the program's own that are left in it, and calls that reach them.

use capi_tests::{prefix, Linkage, Program};

use super::asked::{check, escapes};
use super::programs::*;

#[test]
fn programs_that_call_the_library_pass() {
    let main = "int main(void) { static AioContext ctx; kick(&ctx); return check(&ctx) != 1; }\n";
    let program = Program::with_text("calls", &format!("{}{main}", text(NO_ACCEPT)));
    for (linkage, words) in [
        (Linkage::Dynamic, "taken from the library: aio_notify aio_notify_accept"),
        (Linkage::Static, "has the library linked in"),
    ] {
        let built = program.build(linkage);
        assert_eq!(escapes(&built), [""; 0]);
        let finished = check(&built);
        assert!(finished.stdout.contains(words), "{finished:?}");
        assert_eq!(finished.stderr, "");
    }
    assert_eq!(escapes(&object("calls", NO_ACCEPT)), [""; 0]);
}

/// The compiler puts it into the function that calls it, whatever the linker does later.
#[test]
fn an_inlined_definition_is_named_with_its_caller() {
    let found = escapes(&object("inlined", ACCEPT));
    assert_eq!(
        found,
        [
            "defines aio_notify_accept itself (GLOBAL)",
            "check has aio_notify_accept inlined (line 9)"
        ]
    );
    // A static one leaves no symbol behind.
    let found = escapes(&object("inlined-static", STATIC_ACCEPT));
    assert_eq!(found, ["check has aio_notify_accept inlined (line 8)"]);
}

/// The assembler or the linker resolves it: no relocation is left.
#[test]
fn a_call_that_stays_in_the_file_is_named() {
    let found = escapes(&object("local", &format!("{NOINLINE} {ACCEPT}")));
    assert_eq!(
        found,
        [
            "defines aio_notify_accept itself (GLOBAL)",
            "check calls the file's own aio_notify_accept"
        ]
    );
    let found = escapes(&object("local-static", &format!("{NOINLINE} {STATIC_ACCEPT}")));
    assert!(found[0].starts_with("defines aio_notify_accept"), "{found:?}");
    assert!(found[0].ends_with("itself (LOCAL)"), "{found:?}");
    assert!(found[1].starts_with("check calls the file's own aio_notify_accept"), "{found:?}");
}

#[test]
fn a_weak_definition_is_named() {
    let found = escapes(&object("weak", &format!("__attribute__((weak)) {ACCEPT}")));
    assert_eq!(found[0], "defines aio_notify_accept itself (WEAK)");
}

/// A linked program with the definition left in, beside the library.
#[test]
fn a_linked_program_is_seen_through() {
    let main = "int main(void) { static AioContext ctx; kick(&ctx); return check(&ctx) != 1; }\n";
    let program = Program::with_text("left", &format!("{}{main}", text(ACCEPT)));
    let program = program.flags(&[AS_A_PROGRAM]);
    let found = escapes(&program.build(Linkage::Dynamic));
    assert_eq!(found[0], "defines aio_notify_accept itself (GLOBAL)");
    assert!(found.iter().any(|line| line.starts_with("check has aio_notify_accept inlined")));
    assert!(found.iter().all(|line| !line.contains("aio_notify ")), "{found:?}");
}

/// The program's own object wins, whose definition the linker takes for the library's.
#[test]
fn own_definitions_before_the_static_library() {
    let archive = prefix().join("lib/libaionotify.a");
    let own = compiled("muldefs-loop", &loop_text(), &["-fno-inline"]);
    let main = compiled("muldefs-main", &main_text(), &[]);
    let (own, main, archive) = (text_of(&own), text_of(&main), text_of(&archive));
    let muldefs = ["-Wl,-z,muldefs"];
    let found = escapes(&linked("own-first", &[main, own, archive], &muldefs));
    assert_eq!(found[0], "defines aio_notify_accept itself (GLOBAL)");
    assert!(found.iter().any(|line| line == "check calls the file's own aio_notify_accept"));
    // The other way round the definition keeps its code and its description.
    let pull = ["-Wl,-u,aio_notify_accept", "-Wl,-z,muldefs"];
    let found = escapes(&linked("own-last", &[archive, main, own, archive], &pull));
    assert_eq!(found, ["has code of aio_notify_accept of its own, without a symbol"]);
}
