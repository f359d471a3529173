//! What the tool says of programs on libaiocontext: whose each component is, whose each hook, and how
//! `AioContext` is laid out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use capi_tests::{
    abi, compiler, output, pkg_config, prefix, root, scratch, succeed, write, Finished, Linkage,
    Program,
};

const BOTH: [Linkage; 2] = [Linkage::Dynamic, Linkage::Static];

fn tool() -> Command {
    Command::new(env!("CARGO_BIN_EXE_aionotify-check"))
}

fn shared(library: &str) -> PathBuf {
    prefix().join(format!("lib/lib{library}.so"))
}

/// The tool, with these options, about a program on libaiocontext.
fn check(file: &Path, options: &[&str]) -> Finished {
    output(tool().arg("-l").arg(shared("aiocontext")).args(options).arg(file))
}

/// That it passes the program, and says these words of it.
fn passes(file: &Path, words: &str) {
    let finished = check(file, &[]);
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains(words), "no {words:?} in {finished:?}");
}

/// That it names an escape with these words.
fn escapes(file: &Path, words: &str) -> Finished {
    let finished = check(file, &[]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stdout.contains(words), "no {words:?} in {finished:?}");
    finished
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A program that uses clocks and a context, and has these lines besides.
fn using(name: &str, own: &str) -> Program {
    let text = format!(
        "#include \"block/aio.h\"\n{own}\n\
         int main(void)\n\
         {{\n\
             static QEMUTimer timer;\n\
             init_clocks();\n\
             AioContext *ctx = aio_context_new(NULL);\n\
             timer_mod(&timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));\n\
             aio_notify(ctx);\n\
             aio_context_unref(ctx);\n\
             return 0;\n\
         }}\n"
    );
    Program::with_text(name, &text).with("aiocontext")
}

/// The shared library does not see what is hidden, and uses its own beside the program's; in a static
/// program the linker has bound all to the program's.
#[test]
fn a_hidden_component_is_named() {
    let script = scratch("hidden").join("script");
    write(&script, "{ local: *; };\n");
    let script = format!("-Wl,--version-script={}", script.display());
    for (name, flag) in [("visibility", "-fvisibility=hidden"), ("script", &*script)] {
        for component in ["timer", "rfifolock"] {
            let program = Program::of_loop("replaced").owning(component);
            let program = program.named(&format!("hidden-{name}-{component}")).flags(&[flag]);
            let finished = escapes(
                &program.build(Linkage::Dynamic),
                &format!(" itself, but hidden from the library, which uses its own {component}\n"),
            );
            assert!(!finished.stdout.contains("components of its own"), "{finished:?}");
            // Where a script hides them, GCC's merged functions cannot be told from static ones.
            if name == "visibility" {
                let words = format!("components of its own: {component}\n");
                passes(&program.build(Linkage::Static), &words);
            }
        }
    }
}

/// Members of an archive are hidden apart from the rest.
#[test]
fn a_component_in_an_archive_is_hidden_by_exclude_libs() {
    let folder = scratch("exclude-libs");
    let object = folder.join("rfifolock.o");
    let source = root().join("capi-tests/c/loop/own/rfifolock.c");
    let cflags = pkg_config(&["--cflags", "aiocontext"]);
    succeed(compiler().args(cflags).arg("-c").arg(source).arg("-o").arg(&object));
    let archive = folder.join("libqemuutil.a");
    let _ = std::fs::remove_file(&archive);
    succeed(Command::new("ar").arg("rcs").arg(&archive).arg(&object));
    let program = |name: &str, flags: &[&str]| {
        let program = using(name, "").flags(&["-Wl,-u,rfifolock_init", text_of(&archive)]);
        program.flags(flags).build(Linkage::Dynamic)
    };
    passes(&program("include-libs", &[]), "components of its own: rfifolock\n");
    let excluded = program("exclude-libs", &["-Wl,--exclude-libs,ALL"]);
    escapes(&excluded, "which uses its own rfifolock\n");
}

/// The library's weak imports: the program's, or the library's default, or hidden.
#[test]
fn hooks_are_listed() {
    let clock = "int64_t cpu_get_clock(void);\nint64_t cpu_get_clock(void) { return 42; }\n\
                 extern int use_icount;\nint use_icount;\n";
    for linkage in BOTH {
        passes(
            &using("hooks-none", "").build(linkage),
            ": hooks default: cpu_get_clock cpu_get_icount error_set_errno qemu_clock_warp \
             qemu_coroutine_enter qemu_coroutine_self qemu_coroutine_yield qemu_get_aio_context \
             qemu_in_coroutine qemu_notify_event qemu_set_fd_handler use_icount\n",
        );
        passes(
            &using("hooks-own", clock).build(linkage),
            ": hooks the program's: cpu_get_clock use_icount; default: cpu_get_icount ",
        );
    }
    let hidden = using("hooks-hidden", clock).flags(&["-fvisibility=hidden"]);
    passes(&hidden.build(Linkage::Static), ": hooks the program's: cpu_get_clock use_icount; ");
    let words =
        ": defines cpu_get_clock, use_icount itself, but hidden from the library, which uses \
                 its defaults\n";
    let finished = escapes(&hidden.build(Linkage::Dynamic), words);
    assert!(finished.stdout.contains(": hooks hidden: cpu_get_clock use_icount; default: "));
    // A static function of the name is none that the library would call.
    let own = "static __attribute__((noinline)) int64_t cpu_get_clock(void) { return 42; }\n\
               int64_t (*volatile clock_of_mine)(void) = cpu_get_clock;\n";
    for linkage in BOTH {
        let program = using("hooks-static", own).build(linkage);
        passes(&program, ": hooks default: cpu_get_clock cpu_get_icount ");
    }
}

/// The members of the library's `AioContext`, with their sizes.
fn members() -> Vec<(String, usize)> {
    let structs = abi::layout(&abi::architecture());
    let (_, figures) =
        structs.iter().find(|(name, _)| name == "AioContext").expect("the table has it");
    let size = figures[0].split('/').next().and_then(|size| size.parse().ok()).expect("a size");
    let offset = |figure: &String| {
        let (name, offset) = figure.split_once('@').expect("a figure");
        (name.to_owned(), offset.parse().expect("a number"))
    };
    let starts: Vec<(String, usize)> = figures[1..].iter().map(offset).collect();
    let ends = starts[1..].iter().map(|(_, start)| *start).chain([size]);
    starts.iter().zip(ends).map(|((name, start), end)| (name.clone(), end - start)).collect()
}

/// A program that has these members in its `AioContext`, or only declares it.
fn laid_out(name: &str, members: &[(String, usize)], flags: &[&str]) -> PathBuf {
    let lines: String =
        members.iter().map(|(name, size)| format!("    char {name}[{size}];\n")).collect();
    // Either name may be the context's.
    let tag = if flags.is_empty() { "Context" } else { "AioContext" };
    let (body, used) = match members.is_empty() {
        true => (String::new(), "ctx == 0"),
        false => (format!("struct {tag} {{\n{lines}}};\n"), "ctx->tlg[0]"),
    };
    let text = format!(
        "typedef struct {tag} AioContext;\n{body}AioContext *aio_context_new(void **errp);\n\
         int main(void) {{ AioContext *ctx = aio_context_new(0); return {used}; }}\n"
    );
    Program::with_text(name, &text).with("aiocontext").flags(flags).build(Linkage::Dynamic)
}

/// Without AIONOTIFY_CHECK_LAYOUT: the debugging information has the layout as well.
#[test]
fn the_layout_is_compared_without_a_note() {
    let ours = members();
    let at = |name: &str| ours.iter().position(|(member, _)| member == name).expect("a member");
    for (index, flags) in
        [&[][..], &["-gdwarf-4"], &["-gdwarf-4", "-fdebug-types-section"], &["-gsplit-dwarf"]]
            .into_iter()
            .enumerate()
    {
        let program = |name: &str, members: &[(String, usize)]| {
            laid_out(&format!("layout-{name}-{index}"), members, flags)
        };
        let fits = program("fits", &ours);
        passes(&fits, "nothing escapes; taken from the library: async\n");
        assert!(!check(&fits, &[]).stdout.contains("layout unknown"));

        let mut longer = ours.clone();
        longer.insert(at("tlg"), ("more".to_owned(), 8));
        let finished = escapes(&program("longer", &longer), " is laid out otherwise: tlg ");
        assert!(finished.stdout.contains("; sizeof(AioContext) "), "{finished:?}");

        // The size stays.
        let mut swapped = ours.clone();
        swapped.swap(at("thread_pool"), at("tlg"));
        let finished = escapes(&program("swapped", &swapped), " is laid out otherwise: tlg ");
        assert!(!finished.stdout.contains("sizeof"), "{finished:?}");

        let mut without: Vec<(String, usize)> = ours.clone();
        without[at("lock")].0 = "other".to_owned();
        escapes(&program("without", &without), " is laid out otherwise: no lock, in the library ");
    }
    let words = ": layout unknown: neither a note of AIONOTIFY_CHECK_LAYOUT nor a description of \
                 AioContext\n";
    passes(&laid_out("layout-opaque", &[], &[]), words);
}

#[test]
fn half_a_component_is_one_line() {
    let own = "void aio_notify(AioContext *ctx) { ctx->notified = true; }\n\
               void aio_notify_accept(AioContext *ctx) { ctx->notified = false; }\n\
               void qemu_bh_schedule(QEMUBH *bh) { (void)bh; aio_notify(NULL); }\n";
    for linkage in BOTH {
        // The library's own member is taken as well, for what the program lacks.
        let program = using("half", own).flags(&["-Wl,-z,muldefs", "-O0"]);
        let finished = escapes(
            &program.build(linkage),
            "async is half its own: own aio_notify, aio_notify_accept, qemu_bh_schedule; the library's aio_",
        );
        let escapes = finished.stdout.lines().filter(|line| !line.contains(": hooks "));
        assert_eq!(escapes.count(), 1, "{finished:?}");
    }
}

/// What the linker drops as unused is not missing; but half a component that is linked in is.
#[test]
fn a_static_programs_unused_functions_may_be_dropped() {
    let gc = ["-ffunction-sections", "-Wl,--gc-sections"];
    for (name, flags) in [("gc", &gc[..]), ("lto", &["-flto", "-g", "-O2"])] {
        for component in ["timer", "async"] {
            let program = Program::of_loop("replaced").owning(component);
            let program = program.named(&format!("{name}-{component}")).flags(flags);
            let words = format!("components of its own: {component}\n");
            passes(&program.build(Linkage::Static), &words);
            passes(&program.build(Linkage::Dynamic), &words);
        }
    }
    let half = "void aio_notify(AioContext *ctx) { ctx->notified = true; }\n";
    let half = using("gc-half", half).flags(&gc).flags(&["-Wl,-z,muldefs"]);
    escapes(&half.build(Linkage::Static), "async is half its own: own aio_notify; the library's ");
    // Nor does a function without a symbol pass where the library's component is linked in.
    let source = scratch("objects").join("inlined.c");
    let object = source.with_extension("o");
    let own = "static inline void aio_notify(int *notified) { *notified = 1; }\n\
               void kick(int *notified); void kick(int *notified) { aio_notify(notified); }\n";
    write(&source, own);
    succeed(compiler().arg("-c").arg(&source).arg("-o").arg(&object));
    let program = using("gc-inlined", "").flags(&[text_of(&object)]);
    for linkage in BOTH {
        escapes(&program.build(linkage), ": kick has aio_notify inlined (line 2)\n");
    }
}

/// What is linked in may be of another build than the archive that it is compared with.
#[test]
fn the_librarys_code_of_another_build_is_not_taken_for_the_programs() {
    let header = scratch("other-build").join("other-build.h");
    write(&header, "void aiocontext_timer_part(void);\n__attribute__((weak)) void aiocontext_timer_part(void) { }\n");
    let program = Program::of_loop("replaced").owning("timer").named("other-build");
    let program = program.flags(&["-include", text_of(&header)]).build(Linkage::Static);
    let finished = check(&program, &[]);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    let words =
        ": cannot be told: timer may be the library's of another build; name the archive that is \
                 linked in with -a\n";
    assert!(finished.stderr.contains(words), "{finished:?}");
}

/// A shared library of the tree's, of these sources.
fn tree_library(name: &str, sources: &[&Path], flags: &[&str]) -> PathBuf {
    let library = scratch("tree-library").join(format!("lib{name}.so"));
    let soname = format!("-Wl,-soname,lib{name}.so");
    let mut cc = compiler();
    cc.args(["-shared", "-fPIC", &*soname, "-D_GNU_SOURCE"]).args(flags).args(sources);
    succeed(cc.args(pkg_config(&["--cflags", "aiocontext"])).arg("-o").arg(&library));
    library
}

/// The loader binds the program's calls and the library's to the first that has the function.
#[test]
fn a_component_in_a_library_of_the_trees() {
    let program = |name: &str, library: &Path, is_first: bool| {
        let folder = library.parent().expect("a folder").display();
        let rpath = format!("-Wl,-rpath,{folder}");
        let behind = if is_first { "" } else { "-Wl,--no-as-needed,-laiocontext" };
        let at = format!("-L{}", prefix().join("lib").display());
        let flags = [&*at, behind, "-Wl,--no-as-needed", text_of(library), &rpath];
        let flags: Vec<&str> = flags.into_iter().filter(|flag| !flag.is_empty()).collect();
        using(name, "").flags(&flags).build(Linkage::Dynamic)
    };
    let timer = root().join("capi-tests/c/loop/own/timer.c");
    let whole = tree_library("tree-whole", &[&timer], &[]);
    passes(&program("tree-whole", &whole, true), "components of its own: timer\n");
    let behind = check(&program("tree-behind", &whole, false), &[]);
    assert_eq!(behind.status.code(), Some(0), "{behind:?}");
    assert!(!behind.stdout.contains("of its own"), "{behind:?}");

    let source = scratch("tree-library").join("half.c");
    write(&source, "#include \"block/aio.h\"\nvoid timer_mod(QEMUTimer *t, int64_t at) { (void)t; (void)at; }\n");
    let half = program("tree-half", &tree_library("tree-half", &[&source], &[]), true);
    escapes(&half, "timer is half its own: own timer_mod; the library's ");
    // The library's calls lead there, though the program has none.
    write(&source, "#include \"block/aio.h\"\nvoid timer_del(QEMUTimer *t) { (void)t; }\n");
    let half = program("tree-unused", &tree_library("tree-unused", &[&source], &[]), true);
    escapes(&half, "timer is half its own: own timer_del; the library's ");
}

#[test]
fn own_components_may_be_expected() {
    let program = Program::of_loop("replaced").owning("timer").named("expected");
    let program = program.build(Linkage::Dynamic);
    for (list, status, words) in [
        ("timer", 0, "components of its own: timer\n"),
        ("none", 1, ": timer is its own, which --own does not name\n"),
        ("timer,posix", 1, ": posix is not its own, which --own names\n"),
        ("timers", 2, ""),
    ] {
        let finished = check(&program, &["--own", list]);
        assert_eq!(finished.status.code(), Some(status), "{list}: {finished:?}");
        assert!(finished.stdout.contains(words), "{list}: {finished:?}");
    }
    let said = check(&program, &["--own", "timers"]).stderr;
    assert!(said.contains("--own: no component timers; there are aiocb async "), "{said}");
    // An object file need not have all of them.
    let object = scratch("objects").join("expected.o");
    let source = root().join("capi-tests/c/loop/own/rfifolock.c");
    let cflags = pkg_config(&["--cflags", "aiocontext"]);
    succeed(compiler().args(cflags).arg("-c").arg(source).arg("-o").arg(&object));
    assert_eq!(check(&object, &["--own", "rfifolock,timer"]).status.code(), Some(0));
    assert_eq!(check(&object, &["--own", "timer"]).status.code(), Some(1));
}

#[test]
fn two_libraries_in_one_program_are_named() {
    let lib = prefix().join("lib");
    let at = format!("-L{}", lib.display());
    let rpath = format!("-Wl,-rpath,{}", lib.display());
    let context = |name: &str, libraries: &[&str]| {
        let flags = [&["-Wl,--no-as-needed", &at, &rpath], libraries].concat();
        using(name, "").flags(&flags).build(Linkage::Dynamic)
    };
    let words = ": loads libaionotify.so.0 beside the library; link one of the two\n";
    escapes(&context("both-first", &["-laionotify"]), words);
    escapes(&context("both-behind", &["-laiocontext", "-laionotify"]), words);
    let archive = lib.join("libaiocontext.a");
    let archive = using("both-static", "")
        .flags(&["-Wl,--no-as-needed", &at, &rpath, "-laionotify"])
        .build_with(&archive);
    escapes(&archive, words);
}

/// Without -l it is the library that the program has.
#[test]
fn the_library_is_found_by_the_program() {
    // What ours requires is elsewhere.
    let glib = pkg_config(&["--variable=pcfiledir", "glib-2.0"]).concat();
    let without = |file: &Path, folder: &Path| {
        let folders = format!("{}:{glib}", folder.display());
        output(tool().env("PKG_CONFIG_LIBDIR", folders).env_remove("PKG_CONFIG_PATH").arg(file))
    };
    let text = "#include \"block/aio.h\"\n\
                int main(void) { static AioContext ctx; aio_notify(&ctx); return 0; }\n";
    let known = prefix().join("lib/pkgconfig");
    for linkage in BOTH {
        let context = using("found-context", "").build(linkage);
        let notifier = Program::with_text("found-notifier", text).build(linkage);
        for program in [&context, &notifier] {
            let finished = without(program, &known);
            assert_eq!(finished.status.code(), Some(0), "{finished:?}");
        }
        // One of them alone.
        let alone = scratch("pkgconfig-aiocontext");
        std::fs::copy(known.join("aiocontext.pc"), alone.join("aiocontext.pc")).expect("a copy");
        assert_eq!(without(&context, &alone).status.code(), Some(0));
    }
    let context = using("found-context-named", "").build(Linkage::Dynamic);
    let finished = without(&context, Path::new("/no/such/folder"));
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    let words = "pkg-config knows neither aionotify nor aiocontext; name the library with -l";
    assert!(finished.stderr.contains(words), "{finished:?}");

    let finished = output(tool().arg("-l").arg(shared("aionotify")).arg(&context));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let words =
        "takes aio_notify from libaiocontext.so.0, not from the library; if that is the one \
                 that is meant: -l ";
    assert!(finished.stdout.contains(words), "{finished:?}");

    let archive = prefix().join("lib/libaiocontext.a");
    let finished = output(tool().arg("-l").arg(archive).arg(&context));
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    let words = "is an archive: -l takes the shared library, -a the archive";
    assert!(finished.stderr.contains(words), "{finished:?}");
}

/// The status stays where nobody reads what is said.
#[test]
fn a_closed_pipe_is_no_crash() {
    let program = using("pipe", "").build(Linkage::Dynamic);
    for options in [&[][..], &["--json"]] {
        let mut command = tool();
        command.arg("-l").arg(shared("aiocontext")).args(options).arg(&program);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool");
        drop(child.stdout.take());
        let finished = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&finished.stderr);
        assert_eq!((finished.status.code(), &*said), (Some(0), ""));
    }
}

/// A program without debugging information in places says how to name those.
#[test]
fn archives_without_debugging_information_may_be_named() {
    let folder = scratch("no-debug");
    write(&folder.join("plain.c"), "int plain(void);\nint plain(void) { return 0; }\n");
    let object = folder.join("plain.o");
    succeed(compiler().args(["-g0", "-c"]).arg(folder.join("plain.c")).arg("-o").arg(&object));
    let own = "int plain(void);\nint (*volatile used)(void) = plain;\n";
    let program = using("no-debug", own).flags(&[text_of(&object)]).build(Linkage::Dynamic);
    let finished = check(&program, &[]);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("(libc.a and the like in a static program) with -t"));
    assert_eq!(check(&program, &["-t", text_of(&object)]).status.code(), Some(0));
}
