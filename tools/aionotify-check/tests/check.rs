//! What the tool says of programs that call the library, and of those in which something of their own
//! is left, however it hides.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{
    compiler, output, prefix, root, scratch, succeed, write, Finished, Linkage, Program,
};

/// The tool, with these words behind the library.
fn run<W: AsRef<std::ffi::OsStr>>(library: &str, words: &[W]) -> Finished {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
    let library = prefix().join(format!("lib/lib{library}.so"));
    output(tool.arg("-l").arg(library).args(words))
}

/// The tool, asked about a file.
fn check(file: &Path) -> Finished {
    run("aionotify", &[file])
}

/// Why it cannot tell, of a file of which it knows nothing worse.
fn unknown(file: &Path) -> String {
    let finished = check(file);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert_eq!(finished.stdout, "");
    finished.stderr
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
    let source = scratch("objects").join(format!("{name}.c"));
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

/// A file of `name` with this text, compiled with these flags.
fn compiled(name: &str, text: &str, flags: &[&str]) -> PathBuf {
    let source = scratch("objects").join(format!("{name}.c"));
    let object = source.with_extension("o");
    write(&source, text);
    succeed(compiler().args(flags).args([AS_A_PROGRAM, "-c"]).arg(&source).arg("-o").arg(&object));
    object
}

/// A program of these objects and libraries.
fn linked(name: &str, words: &[&str], flags: &[&str]) -> PathBuf {
    let program = scratch("linked").join(name);
    succeed(compiler().arg("-o").arg(&program).args(words).args(flags));
    program
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn tool(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}

const HEADER: &str =
    "typedef struct AioContext { unsigned notify_me; _Bool notified; } AioContext;\n\
                      void aio_notify(AioContext *ctx);\n\
                      void aio_notify_accept(AioContext *ctx);\n\
                      int check(AioContext *ctx);\n";

/// The unit of the loop, with the definition left in.
fn loop_text() -> String {
    format!(
        "{HEADER}void aio_notify_accept(AioContext *ctx) {{ ctx->notified = 0; }}\n\
         __attribute__((noinline)) int check(AioContext *ctx)\n\
         {{ aio_notify_accept(ctx); return (int)ctx->notify_me; }}\n"
    )
}

fn main_text() -> String {
    format!(
        "{HEADER}__attribute__((noinline)) static void turn(AioContext *ctx)\n\
         {{ aio_notify_accept(ctx); ctx->notify_me++; }}\n\
         int main(void) {{ static AioContext ctx; turn(&ctx); aio_notify(&ctx); return check(&ctx) != 1; }}\n"
    )
}

fn shared_library() -> Vec<String> {
    let lib = prefix().join("lib");
    vec![
        format!("-L{}", lib.display()),
        "-laionotify".into(),
        format!("-Wl,-rpath,{}", lib.display()),
    ]
}

/// With link-time optimisation the definition leaves neither a symbol nor, without `-g`, a
/// description; the functions around it have one.
#[test]
fn a_unit_without_debug_information_is_not_passed() {
    let library = shared_library();
    let library: Vec<&str> = library.iter().map(String::as_str).collect();
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

/// Without the archive nothing tells the library's code from another's.
#[test]
fn a_static_program_needs_the_archive_to_compare_with() {
    let text = format!("{}int main(void) {{ return 0; }}\n", text(NO_ACCEPT));
    let built = Program::with_text("no-archive", &text).build(Linkage::Static);
    let library = scratch("alone").join("libaionotify.so");
    fs::copy(prefix().join("lib/libaionotify.so"), &library).expect("it is installed");
    let alone = |words: &[&str]| {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
        output(tool.arg("-l").arg(&library).args(words).arg(&built))
    };
    let finished = alone(&[]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains("it may be the library's, linked in"), "{finished:?}");
    let archive = prefix().join("lib/libaionotify.a");
    assert_eq!(alone(&["-a", text_of(&archive)]).status.code(), Some(0));
}

/// A shared library with a definition of its own, and a program.
fn other_library(name: &str, soname: &str) -> PathBuf {
    let folder = scratch(name);
    let source = folder.join("other.c");
    write(&source, &format!("{HEADER}void aio_notify(AioContext *ctx) {{ ctx->notified = 1; }}\n"));
    let library = folder.join(soname);
    let soname = format!("-Wl,-soname,{soname}");
    succeed(compiler().args(["-shared", "-fPIC", &*soname]).arg(&source).arg("-o").arg(&library));
    library
}

#[test]
fn a_program_that_is_bound_to_another_library() {
    let ours = shared_library();
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let other = other_library("other", "libother.so");
    let folder = other.parent().expect("a folder");
    let rpath = format!("-Wl,-rpath,{}", folder.display());
    let text = format!(
        "{HEADER}int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
    );
    let main = compiled("bound", &text, &[]);
    let bound = format!("takes aio_notify from {}, not from the library", other.display());
    let without = linked("other-only", &[text_of(&main), text_of(&other), &rpath], &[]);
    assert_eq!(escapes(&without), [&*bound]);
    let first = [text_of(&main), "-Wl,--no-as-needed", text_of(&other), &rpath];
    assert_eq!(escapes(&linked("other-first", &first, &ours)), [&*bound]);
    let behind = [&ours[..], &["-Wl,--no-as-needed", text_of(&other), &rpath]].concat();
    assert_eq!(escapes(&linked("other-behind", &[text_of(&main)], &behind)), [""; 0]);
    // It is not there to be looked at.
    let gone =
        linked("other-gone", &[text_of(&main), "-Wl,--no-as-needed", text_of(&other)], &ours);
    let said = unknown(&gone);
    assert!(said.contains("libother.so cannot be found, and may define aio_notify"), "{said}");
    let finished = run("aionotify", &["-L", text_of(folder), text_of(&gone)]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    // Bound when it runs, to whatever has the function by then.
    let stand_in = other_library("stand-in", "libstand-in.so");
    let rpath = format!("-Wl,-rpath,{}", stand_in.parent().expect("a folder").display());
    let program = linked("not-needed", &[text_of(&main), text_of(&stand_in), &rpath], &[]);
    let nothing = scratch("objects").join("nothing.c");
    write(&nothing, "extern int nothing;\n");
    succeed(compiler().args(["-shared", "-o"]).arg(&stand_in).arg(nothing));
    assert_eq!(escapes(&program), ["takes aio_notify, but does not need libaionotify.so.0"]);
}

/// A library of another soname that the program's library leads to.
#[test]
fn a_library_that_another_needs() {
    let ours = shared_library();
    let folder = scratch("between");
    let source = folder.join("between.c");
    write(&source, &format!("{HEADER}void between(AioContext *ctx); void between(AioContext *ctx) {{ aio_notify(ctx); }}\n"));
    let between = folder.join("libbetween.so");
    succeed(
        compiler()
            .args(["-shared", "-fPIC", "-Wl,-soname,libbetween.so", "-Wl,--no-as-needed"])
            .arg(&source)
            .arg("-o")
            .arg(&between)
            .args(&ours),
    );
    let rpath = format!("-Wl,-rpath,{}", folder.display());
    let text = format!(
        "{HEADER}int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
    );
    let main = compiled("through", &text, &[]);
    let flags = ["-Wl,--no-as-needed,--copy-dt-needed-entries", text_of(&between), &rpath];
    assert_eq!(escapes(&linked("through", &[text_of(&main)], &flags)), [""; 0]);
    assert_eq!(escapes(&between), [""; 0]);
}

/// A plugin takes it from the program that loads it, which cannot be looked at.
#[test]
fn a_plugin_without_the_library() {
    let source = scratch("plugin").join("plugin.c");
    write(&source, &format!("{HEADER}void plug(AioContext *ctx); void plug(AioContext *ctx) {{ aio_notify(ctx); }}\n"));
    let plugin = source.with_extension("so");
    succeed(compiler().args(["-shared", "-fPIC"]).arg(&source).arg("-o").arg(&plugin));
    assert!(unknown(&plugin).contains("takes aio_notify from the program that loads it"));
}

/// The functions of an archive's members are all at offset 0 of a section of their own.
#[test]
fn an_archive_is_judged_member_by_member() {
    let one = format!(
        "{HEADER}void one(AioContext *ctx); void one(AioContext *ctx) {{ aio_notify(ctx); }}\n"
    );
    let two = format!("{HEADER}static int count; void two(AioContext *ctx); __attribute__((noinline)) static void add(void) {{ count++; }}\n\
                       void two(AioContext *ctx) {{ add(); aio_notify_accept(ctx); add(); }}\n");
    let archive = |name: &str, objects: &[&Path]| {
        let archive = scratch("archives").join(name);
        let _ = fs::remove_file(&archive);
        succeed(tool("AR", "ar").arg("rcs").arg(&archive).args(objects));
        archive
    };
    let (one, two) = (compiled("one", &one, &[]), compiled("two", &two, &[]));
    let clean = archive("clean.a", &[&one, &two]);
    let finished = check(&clean);
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1]
        .ends_with("clean.a(two.o): nothing escapes; taken from the library: aio_notify_accept"));
    let own = compiled("three", &loop_text(), &[]);
    let finished = check(&archive("left.a", &[&one, &own, &two]));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains("left.a(three.o): defines aio_notify_accept itself (GLOBAL)"));
    assert!(finished
        .stdout
        .contains("left.a(three.o): check has aio_notify_accept inlined (line "));
    assert_eq!(finished.stdout.matches("nothing escapes").count(), 2, "{finished:?}");
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
    let library: Vec<&str> = library.iter().map(String::as_str).collect();
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
        // What is not there cannot be judged.
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
    let library: Vec<&str> = library.iter().map(String::as_str).collect();
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
        let text = format!(
            "{HEADER}int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
        );
        let main = compiled(&format!("gc-main{version}"), &text, &flags);
        let words = [text_of(&main), text_of(&unused), "-Wl,--gc-sections"];
        assert_eq!(escapes(&linked(&format!("gc{version}"), &words, &library)), [""; 0]);
        let words = [text_of(&main), text_of(&unused)];
        let kept = escapes(&linked(&format!("no-gc{version}"), &words, &library));
        assert!(kept[0].starts_with("unused has aio_notify_accept inlined"), "{kept:?}");
    }
}

/// The same for a machine whose code this one cannot run.
#[test]
fn programs_of_aarch64() {
    let cross = "aarch64-linux-gnu-gcc";
    if Command::new(cross).arg("--version").output().is_err() {
        println!("skipped: there is no {cross}");
        return;
    }
    let folder = scratch("aarch64");
    let stand_in = folder.join("library.c");
    write(
        &stand_in,
        &format!(
            "{HEADER}void aio_notify(AioContext *ctx) {{ ctx->notified = 1; }}\n\
                  void aio_notify_accept(AioContext *ctx) {{ ctx->notified = 0; }}\n"
        ),
    );
    let gcc = |words: &[&str]| succeed(Command::new(cross).args(["-O2", "-g"]).args(words));
    let library = folder.join("libaionotify.so");
    let library = text_of(&library);
    gcc(&["-shared", "-fPIC", "-Wl,-soname,libaionotify.so.0", text_of(&stand_in), "-o", library]);
    let build = |name: &str, text: &str, words: &[&str]| {
        let source = folder.join(format!("{name}.c"));
        write(&source, text);
        let program = folder.join(name);
        gcc(&[&["-o", text_of(&program), text_of(&source)], words].concat());
        program
    };
    let ask = |file: &Path| {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
        output(tool.args(["-l", library]).arg(file))
    };
    let both = format!("{}{}", loop_text().replace(HEADER, ""), main_text().replace(HEADER, ""));
    let program = build("left", &format!("{HEADER}{both}"), &[library]);
    let finished = ask(&program);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains("defines aio_notify_accept itself (GLOBAL)"), "{finished:?}");
    assert!(finished.stdout.contains("check has aio_notify_accept inlined (line "), "{finished:?}");
    let called = format!("{HEADER}{both}").replacen(
        "void aio_notify_accept(AioContext *ctx) {",
        "__attribute__((noinline)) void aio_notify_accept(AioContext *ctx) {",
        1,
    );
    for (name, words) in [("called", vec![library]), ("called.o", vec!["-c"])] {
        let finished = ask(&build(name, &called, &words));
        let line = "check calls the file's own aio_notify_accept";
        assert!(finished.stdout.contains(line), "{name}: {finished:?}");
    }
    let text = format!(
        "{HEADER}int main(void) {{ static AioContext ctx; aio_notify(&ctx); return 0; }}\n"
    );
    let finished = ask(&build("clean", &text, &[library]));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains("taken from the library: aio_notify\n"), "{finished:?}");
}

/// A component of which a program defines all functions is its own; half a component is a mistake.
#[test]
fn components_of_the_whole_loop() {
    let whole = |component: &str| Program::of_loop("replaced").owning(component);
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        for component in ["nothing", "async", "timer"] {
            let program = whole(component).flags(&["-g"]).build(linkage);
            let finished = run("aiocontext", &[&program]);
            assert_eq!(finished.status.code(), Some(0), "{component} {linkage:?}: {finished:?}");
            let own = finished.stdout.contains("components of its own: ");
            assert_eq!(own, component != "nothing", "{finished:?}");
        }
    }
    let text = "#include \"block/aio.h\"\n\
                void aio_notify(AioContext *ctx) { ctx->notified = true; }\n\
                int main(void) { aio_context_unref(aio_context_new(NULL)); return 0; }\n";
    let half = Program::with_text("half", text).with("aiocontext").build(Linkage::Dynamic);
    let finished = run("aiocontext", &[&half]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let words = ": async is half its own: own aio_notify; the library's aio_";
    assert!(finished.stdout.contains(words), "{finished:?}");
    // Over the object files of one command line.
    let own = root().join("capi-tests/c/loop/own/rfifolock.c");
    let object = scratch("objects").join("rfifolock.o");
    let flags = capi_tests::pkg_config(&["--cflags", "aiocontext"]);
    let mut cc = compiler();
    succeed(cc.arg("-c").args(flags).arg(own).arg("-o").arg(&object));
    assert_eq!(run("aiocontext", &[&object]).status.code(), Some(0));
}

/// The note that AIONOTIFY_CHECK_LAYOUT leaves, against the library's.
#[test]
fn a_program_of_another_layout_is_named() {
    for (name, members, status) in [
        ("fits", "AioContext inner;", 0),
        (
            "moved",
            "char before[1000]; uint32_t notify_me; bool notified; EventNotifier notifier;",
            1,
        ),
    ] {
        let of = if status == 0 { "AioContext" } else { "struct other" };
        let text = format!(
            "#include \"block/aio.h\"\n#include \"aionotify/target.h\"\nstruct other {{ {members} }};\n\
             int main(void) {{ AIONOTIFY_CHECK_LAYOUT({of}); return 0; }}\n"
        );
        let program = Program::with_text(name, &text).flags(&["-DAIONOTIFY_CHECK_AT_RUN_TIME"]);
        let finished = check(&program.build(Linkage::Dynamic));
        assert_eq!(finished.status.code(), Some(status), "{finished:?}");
        let words = "is laid out for another library: notify_me 1000, in the library ";
        assert_eq!(finished.stdout.contains(words), status == 1, "{finished:?}");
    }
}

/// One object, whose status is the exit status.
#[test]
fn json_has_all_that_is_said() {
    let own = object("json", ACCEPT);
    let clean = object("json-clean", NO_ACCEPT);
    let finished = run("aionotify", &["--json", text_of(&own), text_of(&clean)]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(report["status"], 1);
    assert_eq!(report["files"][0]["verdict"], "escapes");
    assert_eq!(report["files"][0]["escapes"][1]["kind"], "inlined");
    assert_eq!(report["files"][0]["escapes"][1]["caller"], "check");
    assert_eq!(report["files"][0]["escapes"][1]["line"], 9);
    assert_eq!(report["files"][1]["verdict"], "ok");
    assert_eq!(report["files"][1]["taken"][1], "aio_notify_accept");
}

/// One file that runs wherever its kernel does, and judges a program that is one as well.
#[test]
fn the_tool_is_static() {
    let folder = scratch("tool");
    let mut make = Command::new("make");
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        make.env_remove(variable);
    }
    make.current_dir(root()).arg("install-check").arg(format!("PREFIX={}", folder.display()));
    succeed(make.env("CARGO_TARGET_DIR", scratch("tool-target")));
    let tool = folder.join("bin/aionotify-check");
    let headers = succeed(Command::new("readelf").arg("-l").arg(&tool)).stdout;
    assert!(!headers.contains("INTERP"), "{headers}");
    // Its debugging information is the C library's, which has none.
    let main = format!("{}int main(void) {{ return 0; }}\n", text(NO_ACCEPT));
    let built = Program::with_text("all-static", &main).build(Linkage::AllStatic);
    assert!(unknown(&built).contains(" more, so calls inlined there cannot be seen"));
    let libc = succeed(compiler().arg("-print-file-name=libc.a")).stdout;
    let libgcc = succeed(compiler().arg("-print-file-name=libgcc.a")).stdout;
    let libgcc_eh = succeed(compiler().arg("-print-file-name=libgcc_eh.a")).stdout;
    let mut command = Command::new(tool);
    command.arg("-l").arg(prefix().join("lib/libaionotify.so"));
    for archive in [libc, libgcc, libgcc_eh] {
        command.arg("-t").arg(archive.trim());
    }
    let finished = output(command.arg(&built));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for words in [&["/no/such/file"][..], &[], &["--odd"], &["-l"]] {
        let finished = run("aionotify", words);
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        assert!(finished.stderr.starts_with("aionotify-check: "), "{finished:?}");
    }
    let text = scratch("objects").join("text");
    write(&text, "no ELF file\n");
    assert!(unknown(&text).contains("it cannot be read"));
    assert_eq!(run("aionotify", &["--help"]).status.code(), Some(0));
}
