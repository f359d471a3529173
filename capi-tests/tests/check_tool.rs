//! `tools/aionotify-check`: what it says of programs that call the library, and of those in which
//! something of their own is left.

use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{
    compiler, output, prefix, root, scratch, succeed, write, Finished, Linkage, Program,
};

/// The tool, asked about a file.
fn check(file: &Path) -> Finished {
    let mut tool = Command::new(root().join("tools/aionotify-check"));
    output(tool.arg("-l").arg(prefix().join("lib/libaionotify.so")).arg(file))
}

/// What it says escapes; nothing for a file that it passes.
fn escapes(file: &Path) -> Vec<String> {
    let finished = check(file);
    let said = finished.stdout.lines();
    match finished.status.code() {
        Some(0) => Vec::new(),
        Some(1) => {
            let start = format!("{}: ", file.display());
            let lines = said.map(|line| line.strip_prefix(&start).expect("it names the file"));
            lines.map(str::to_owned).collect()
        }
        _ => panic!("{finished:?}"),
    }
}

/// A program whose `check` and `kick` call the two functions, which these lines declare or define.
fn text(own: &str) -> String {
    format!(
        "typedef struct AioContext {{ unsigned notify_me; _Bool notified; }} AioContext;\n\
         void aio_notify(AioContext *ctx);\n\
         int check(AioContext *ctx);\n\
         void kick(AioContext *ctx);\n\
         {own}\n\
         int check(AioContext *ctx)\n\
         {{\n\
             aio_notify_accept(ctx);\n\
             return (int)ctx->notify_me;\n\
         }}\n\
         void kick(AioContext *ctx)\n\
         {{\n\
             aio_notify(ctx);\n\
             ctx->notify_me++;\n\
         }}\n"
    )
}

/// Its object file.
fn object(name: &str, own: &str) -> PathBuf {
    let source = scratch("check-tool").join(format!("{name}.c"));
    let object = source.with_extension("o");
    write(&source, &text(own));
    succeed(compiler().args([AS_A_PROGRAM, "-c"]).arg(&source).arg("-o").arg(&object));
    object
}

/// In a shared library the compiler would leave the definition to be interposed.
const AS_A_PROGRAM: &str = "-fPIE";

const NO_ACCEPT: &str = "void aio_notify_accept(AioContext *ctx);";
const ACCEPT: &str = "void aio_notify_accept(AioContext *ctx);\n\
                      void aio_notify_accept(AioContext *ctx) { ctx->notified = 0; }";
const STATIC_ACCEPT: &str = "static void aio_notify_accept(AioContext *ctx) { ctx->notified = 0; }";
const NOINLINE: &str = "__attribute__((noinline))";

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

#[test]
fn what_cannot_be_told_is_said() {
    let stripped = scratch("check-tool").join("stripped");
    let main = format!("{}int main(void) {{ return 0; }}\n", text(NO_ACCEPT));
    let built = Program::with_text("stripped", &main).build(Linkage::Dynamic);
    let strip = std::env::var_os("STRIP").unwrap_or_else(|| "strip".into());
    succeed(Command::new(strip).arg("-o").arg(&stripped).arg(built));
    let finished = check(&stripped);
    assert_eq!(finished.status.code(), Some(2));
    assert!(finished.stderr.contains("has no symbol table"), "{finished:?}");
}
