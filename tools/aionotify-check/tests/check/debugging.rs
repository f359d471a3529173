//! What debugging information shows, in each of its forms, and what its absence hides.

use std::fs;

use capi_tests::{scratch, succeed, Linkage, Program};

use super::asked::{check, escapes, unknown};
use super::programs::*;

/// With link-time optimisation the definition leaves neither a symbol nor, without `-g`, a
/// description; the functions around it have one.
#[test]
fn a_unit_without_debug_information_is_not_passed() {
    let library = shared_library();
    for (name, lto) in [("lto", "-flto"), ("no-lto", "-fno-lto")] {
        // Without link-time optimisation a static function leaves as little.
        let own = match lto {
            "-flto" => loop_text().replace(
                "void aio_notify_accept(AioContext *ctx) {",
                "__attribute__((visibility(\"hidden\"))) void aio_notify_accept(AioContext *ctx) {",
            ),
            _ => loop_text()
                .replace("aio_notify_accept", "accept_it")
                .replace("void accept_it(AioContext *ctx);\n", "")
                .replace("void accept_it(", "static inline void accept_it("),
        };
        let own = compiled(&format!("{name}-loop"), &own, &["-g0", lto]);
        let main = compiled(&format!("{name}-main"), &main_text(), &[lto]);
        let words = [text_of(&main), text_of(&own), lto, "-g"];
        let said = unknown(&linked(name, &words, &library));
        assert!(said.contains("no debugging information of check"), "{said}");
    }
    // With it all of this is seen.
    let own = compiled("seen-loop", &loop_text(), &["-flto"]);
    let main = compiled("seen-main", &main_text(), &["-flto"]);
    let found = escapes(&linked("seen", &[text_of(&main), text_of(&own), "-flto", "-g"], &library));
    for caller in ["check", "turn"] {
        let start = format!("{caller} has aio_notify_accept inlined (line ");
        assert!(found.iter().any(|line| line.starts_with(&start)), "{found:?}");
    }
}

/// Of two functions that do the same, the compiler describes one.
#[test]
fn functions_of_the_same_code_are_passed() {
    let text = format!(
        "{HEADER}int one(AioContext *ctx); int two(AioContext *ctx);\n\
         int one(AioContext *ctx) {{ aio_notify(ctx); return ctx->notify_me * 3 + 1; }}\n\
         int two(AioContext *ctx) {{ aio_notify(ctx); return ctx->notify_me * 3 + 1; }}\n\
         static int three(AioContext *ctx) {{ return ctx->notify_me * 5 + 1; }}\n\
         static int four(AioContext *ctx) {{ return ctx->notify_me * 5 + 1; }}\n\
         int (*const calls[])(AioContext *) = {{ three, four }};\n"
    );
    assert_eq!(escapes(&compiled("same", &text, &["-fno-semantic-interposition"])), [""; 0]);
    let said = unknown(&compiled("same-g0", &text, &["-fno-semantic-interposition", "-g0"]));
    assert!(said.contains("no debugging information"), "{said}");
}

/// An object file for link-time optimisation holds no code to look at, but its list of symbols.
#[test]
fn an_object_for_link_time_optimisation() {
    let own = compiled("slim-loop", &loop_text(), &["-flto", "-fno-fat-lto-objects"]);
    let finished = check(&own);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains("defines aio_notify_accept itself"), "{finished:?}");
    assert!(finished.stderr.contains("check the linked file"), "{finished:?}");
    let main = compiled("slim-main", &main_text(), &["-flto", "-fno-fat-lto-objects"]);
    assert!(unknown(&main).contains("check the linked file"));
}

#[test]
fn a_stripped_program_cannot_be_told() {
    let main = format!("{}int main(void) {{ return 0; }}\n", text(NO_ACCEPT));
    let built = Program::with_text("stripped", &main).build(Linkage::Dynamic);
    for (option, words) in [
        ("-s", "it has no symbol table: check it before it is stripped"),
        ("-x", "its local symbols have been removed"),
        ("-g", "no debugging information, so inlined calls cannot be seen; compile with -g"),
    ] {
        let stripped = scratch("stripped").join(format!("stripped{option}"));
        succeed(tool("STRIP", "strip").args([option, "-o"]).arg(&stripped).arg(&built));
        let said = unknown(&stripped);
        assert!(said.contains(words), "{said}");
    }
}

/// The same program with its debugging information in each of the forms that it can have.
#[test]
fn every_form_of_debugging_information_is_read() {
    let library = shared_library();
    let seen = |name: &str, flags: &[&str]| {
        let own = compiled(&format!("{name}-loop"), &loop_text(), flags);
        let main = compiled(&format!("{name}-main"), &main_text(), flags);
        let words = [&[text_of(&main), text_of(&own)], flags].concat();
        let program = linked(name, &words, &library);
        for file in [&own, &program] {
            let found = escapes(file);
            let line =
                found.iter().find(|line| line.starts_with("check has aio_notify_accept inlined"));
            assert!(line.is_some(), "{name}: {found:?}");
        }
        (own, program)
    };
    seen("dwarf-4", &["-gdwarf-4"]);
    seen("dwarf-5", &["-gdwarf-5"]);
    seen("zlib", &["-gz=zlib"]);
    seen("zlib-gnu", &["-gdwarf-4", "-gz=zlib-gnu"]);
    seen("sections", &["-ffunction-sections", "-fdata-sections"]);
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let (own, program) = seen(&format!("split{version}"), &["-gsplit-dwarf", version]);
        // A missing file cannot be judged.
        for entry in fs::read_dir(own.parent().expect("a folder")).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if name.starts_with(&format!("split{version}-loop")) && name.ends_with(".dwo") {
                fs::remove_file(path).expect("a writable folder");
            }
        }
        let finished = check(&program);
        assert!(finished.stderr.contains("which is not there"), "{finished:?}");
    }
}

/// What the linker has discarded runs nowhere, though its description stays.
#[test]
fn discarded_code_is_not_accused() {
    let library = shared_library();
    let flags = ["-ffunction-sections", "-fdata-sections"];
    let unused = format!(
        "{HEADER}static inline void accept_own(AioContext *ctx) {{ ctx->notified = 0; }}\n\
         void unused(AioContext *ctx); void unused(AioContext *ctx) {{ accept_own(ctx); }}\n"
    )
    .replace("void aio_notify_accept(AioContext *ctx);\n", "")
    .replace("accept_own", "aio_notify_accept");
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let flags = [&flags[..], &[version]].concat();
        let unused = compiled(&format!("unused{version}"), &unused, &flags);
        assert_eq!(check(&unused).status.code(), Some(1));
        let main = notifying(&format!("gc-main{version}"), &flags);
        let words = [text_of(&main), text_of(&unused), "-Wl,--gc-sections"];
        assert_eq!(escapes(&linked(&format!("gc{version}"), &words, &library)), [""; 0]);
        let words = [text_of(&main), text_of(&unused)];
        let kept = escapes(&linked(&format!("no-gc{version}"), &words, &library));
        assert!(kept[0].starts_with("unused has aio_notify_accept inlined"), "{kept:?}");
    }
}
