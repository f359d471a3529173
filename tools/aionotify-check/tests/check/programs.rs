//! Programs that call the two functions or define them, compiled and linked in many ways.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use capi_tests::{compiler, prefix, scratch, succeed, write};

/// A program whose `check` and `kick` call the two functions, which these lines declare or define.
pub(crate) fn text(own: &str) -> String {
    format!(
        "{CONTEXT}void aio_notify(AioContext *ctx);\n\
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
pub(crate) fn object(name: &str, own: &str) -> PathBuf {
    let source = scratch("objects").join(format!("{name}.c"));
    let object = source.with_extension("o");
    write(&source, &text(own));
    succeed(compiler().args([AS_A_PROGRAM, "-c"]).arg(&source).arg("-o").arg(&object));
    object
}

/// In a shared library the compiler would leave the definition to be interposed.
pub(crate) const AS_A_PROGRAM: &str = "-fPIE";
pub(crate) const NO_ACCEPT: &str = "void aio_notify_accept(AioContext *ctx);";
pub(crate) const ACCEPT: &str = "void aio_notify_accept(AioContext *ctx);\n\
                      void aio_notify_accept(AioContext *ctx) { ctx->notified = 0; }";
pub(crate) const STATIC_ACCEPT: &str =
    "static void aio_notify_accept(AioContext *ctx) { ctx->notified = 0; }";
pub(crate) const NOINLINE: &str = "__attribute__((noinline))";
pub(crate) const CONTEXT: &str =
    concat!("#include \"", env!("CARGO_MANIFEST_DIR"), "/tests/check/context.h\"\n");
pub(crate) const HEADER: &str = concat!(
    "#include \"",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/check/context.h\"\n",
    "void aio_notify(AioContext *ctx);\n\
     void aio_notify_accept(AioContext *ctx);\n\
     int check(AioContext *ctx);\n"
);

/// The unit of the loop, with the definition left in.
pub(crate) fn loop_text() -> String {
    format!(
        "{HEADER}void aio_notify_accept(AioContext *ctx) {{ ctx->notified = 0; }}\n\
         __attribute__((noinline)) int check(AioContext *ctx)\n\
         {{ aio_notify_accept(ctx); return (int)ctx->notify_me; }}\n"
    )
}

pub(crate) fn main_text() -> String {
    format!(
        "{HEADER}__attribute__((noinline)) static void turn(AioContext *ctx)\n\
         {{ aio_notify_accept(ctx); ctx->notify_me++; }}\n\
         int main(void) {{ static AioContext ctx; turn(&ctx); aio_notify(&ctx); return check(&ctx) != 1; }}\n"
    )
}

/// A file of `name` with this text, compiled with these flags.
pub(crate) fn compiled(name: &str, text: &str, flags: &[&str]) -> PathBuf {
    let source = scratch("objects").join(format!("{name}.c"));
    let object = source.with_extension("o");
    write(&source, text);
    succeed(compiler().args(flags).args([AS_A_PROGRAM, "-c"]).arg(&source).arg("-o").arg(&object));
    object
}

/// A program of these objects and libraries.
pub(crate) fn linked(name: &str, words: &[&str], flags: &[&str]) -> PathBuf {
    let program = scratch("linked").join(name);
    succeed(compiler().arg("-o").arg(&program).args(words).args(flags));
    program
}

/// What links a program with the installed shared library.
pub(crate) fn shared_library() -> Vec<&'static str> {
    static FLAGS: OnceLock<Vec<String>> = OnceLock::new();
    let flags = FLAGS.get_or_init(|| {
        let lib = prefix().join("lib").display().to_string();
        vec![format!("-L{lib}"), "-laionotify".to_owned(), format!("-Wl,-rpath,{lib}")]
    });
    flags.iter().map(String::as_str).collect()
}

/// A program that only notifies, compiled with these flags.
pub(crate) fn notifying(name: &str, flags: &[&str]) -> PathBuf {
    let text = format!(
        "{HEADER}int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
    );
    compiled(name, &text, flags)
}

pub(crate) fn text_of(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

pub(crate) fn tool(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}

/// A note as a library (2) or a program (3) has it, whose `notified` lies so many bytes further.
pub(crate) fn note(kind: u32, more: &str) -> String {
    format!(
        "static const struct {{ unsigned sizes[2], kind; char name[12]; unsigned layout[8]; }} note\n\
         __attribute__((used, aligned(4), section(\".note.aionotify\"))) = {{\n\
         {{10, 32}}, {kind}, \"aionotify\",\n\
         {{24, AT_NOTIFY_ME, AT_NOTIFIED + {more}, AT_NOTIFIED + 4, 8, 0, 4, 0}}}};\n"
    )
}

/// A shared library of `name` with this text, compiled and linked with these flags.
pub(crate) fn shared_object(name: &str, text: &str, flags: &[&str]) -> PathBuf {
    let source = scratch("shared").join(format!("{name}.c"));
    let library = source.with_extension("so");
    write(&source, text);
    succeed(compiler().args(["-shared", "-fPIC"]).args(flags).arg(&source).arg("-o").arg(&library));
    library
}
