//! The headers and manual pages are what the generator makes; and the headers compile in every language they are for, in
//! any order, and behind a program's own definitions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use capi_tests::{compiler, files_below, in_parallel, output, pkg_config, prefix, program, read};
use capi_tests::{root, scratch, succeed, write, Linkage, Mode, Program};

/// The generated files below a folder that differ from what the generator makes.
fn differences(root: &Path, generated: &[(String, String)]) -> Vec<String> {
    let mut differences = Vec::new();
    let files = ["include", "man"].map(|folder| {
        let names = files_below(&root.join(folder));
        names.into_iter().map(move |name| format!("{folder}/{name}"))
    });
    let mut extra: BTreeSet<String> = files.into_iter().flatten().collect();
    for (name, text) in generated {
        if !extra.remove(name) {
            differences.push(format!("{name} is missing"));
        } else if read(&root.join(name)) != *text {
            differences.push(format!("{name} differs"));
        }
    }
    differences.extend(extra.iter().map(|name| format!("{name} should not be there")));
    differences
}

fn generated() -> Vec<(String, String)> {
    headers::generate(root()).expect("all can be generated")
}

#[test]
fn committed_are_the_generated_ones() {
    let differences = differences(root(), &generated());
    assert!(differences.is_empty(), "run `make headers`: {differences:?}");
}

#[test]
fn a_planted_difference_is_noticed() {
    let root = scratch("planted-difference");
    for (name, text) in generated() {
        write(&root.join(name), &text);
    }
    assert_eq!(differences(&root, &generated()), [""; 0]);

    for (name, from, to) in [
        ("include/qemu/timer.h", "SCALE_US 1000", "SCALE_US 1001"),
        ("man/aio_poll.3", "True", "False"),
    ] {
        let text = read(&root.join(name));
        assert!(text.contains(from), "{name} has no {from}");
        write(&root.join(name), &text.replace(from, to));
    }
    write(&root.join("include/qemu/extra.h"), "");
    fs::remove_file(root.join("include/block/aio.h")).expect("a writable folder");
    assert_eq!(
        differences(&root, &generated()),
        [
            "include/block/aio.h is missing",
            "include/qemu/timer.h differs",
            "man/aio_poll.3 differs",
            "include/qemu/extra.h should not be there"
        ]
    );
    fs::remove_dir_all(root).expect("a writable folder");
}

/// A source that includes the headers in this order.
fn source(name: &str, order: &[&str], rest: &str) -> PathBuf {
    let path = scratch("orders").join(format!("{name}.c"));
    let includes: String = order.iter().map(|name| format!("#include \"{name}\"\n")).collect();
    write(&path, &(includes + rest));
    path
}

/// The headers that are installed, which are all that there are.
fn installed_headers() -> Vec<String> {
    let names = files_below(&prefix().join("include/aionotify"));
    assert_eq!(names, files_below(&root().join("include")));
    names.into_iter().collect()
}

/// A tree that keeps its own headers finds none of ours in their place, in either order of `-I`, if it
/// takes the folder that has the one header; with the folder of all it compiles against half of each.
#[test]
fn a_tree_cannot_pick_up_half_of_them() {
    let tree = capi_tests::host_tree("loop-2.4", &[]);
    let text =
        "int main(void) { QemuMutex mutex; (void)&mutex; AIONOTIFY_CHECK_LAYOUT(AioContext); \
                return (int)sizeof(struct RFifoLock) - (int)sizeof(RFifoLock); }\n";
    let source = source("tree", &["block/aio.h", "aionotify/target.h"], text);
    let compiles = |folder: &str, first: bool| {
        let own = format!("-I{}", prefix().join("include").join(folder).display());
        let flags = match first {
            true => [vec![own], tree.clone()].concat(),
            false => [tree.clone(), vec![own]].concat(),
        };
        let mut command = compiler();
        command.args(["-std=gnu11", "-fsyntax-only", "-H"]).args(flags).arg(&source);
        let finished = output(&mut command);
        // What is read, by `-H`.
        let ours = finished.stderr.lines().filter(|line| {
            line.contains(&*prefix().to_string_lossy()) && !line.ends_with("aionotify/target.h")
        });
        (finished.status.success(), ours.count())
    };
    assert_eq!(compiles("aionotify-tree", true), (true, 0));
    assert_eq!(compiles("aionotify-tree", false), (true, 0));
    assert_ne!(compiles("aionotify", true), (true, 0));
}

#[test]
fn compile_in_every_language_and_order() {
    let names = installed_headers();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(names.len(), 8);
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    let mut sources = vec![source("forward", &names, ""), source("reverse", &reversed, "")];
    for (i, first) in names.iter().enumerate() {
        sources.push(source(&format!("alone-{i}"), &[first], ""));
        // With itself it is the header included twice.
        for (j, second) in names.iter().enumerate() {
            sources.push(source(&format!("pair-{i}-{j}"), &[first, second], ""));
        }
    }
    assert_eq!(sources.len(), 2 + 8 + 64);

    let flags = pkg_config(&["--cflags"]);
    let jobs = Mode::all().into_iter().flat_map(|mode| sources.chunks(15).map(move |c| (mode, c)));
    let failed = in_parallel(jobs.collect(), |(mode, sources)| {
        let finished = mode.check(&flags, sources);
        (!finished.status.success()).then(|| format!("{mode:?}:\n{}", finished.stderr))
    });
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn compile_with_the_inline_fast_paths() {
    let mut flags = pkg_config(&["--cflags"]);
    flags.push("-DAIONOTIFY_INLINE".to_owned());
    let call = "void f(AioContext *c);\nvoid f(AioContext *c)\n{\n    aio_notify(c);\n    \
                aio_notify_accept(c);\n}\nvoid (*pointer)(AioContext *) = aio_notify;\n";
    let source = source("inline", &["block/aio.h", "qemu/timer.h"], call);
    for mode in Mode::all() {
        let finished = mode.check(&flags, slice::from_ref(&source));
        assert!(finished.status.success(), "{mode:?}:\n{}", finished.stderr);
    }
}

#[test]
fn a_planted_warning_is_an_error() {
    let flags = pkg_config(&["--cflags"]);
    let extension = source("pedantic", &["block/aio.h"], "int a[] = { [0 ... 1] = 2 };\n");
    let clash = source("clash", &["block/aio.h"], "struct EventNotifier { int fd; };\n");
    let clean = source("clean", &["block/aio.h"], "");
    for mode in Mode::all() {
        let passes = |source| mode.check(&flags, slice::from_ref(source)).status.success();
        assert!(passes(&clean), "{mode:?}");
        assert!(!passes(&extension), "{mode:?}");
        assert!(!passes(&clash), "{mode:?}");
    }
}

/// The sources that define all that the headers leave to a program.
fn own_sources() -> Vec<PathBuf> {
    let folder = root().join("capi-tests/c");
    ["own_program.c", "own_timers.c"].map(|name| folder.join(name)).into()
}

#[test]
fn fit_a_programs_own_definitions() {
    let flags = pkg_config(&["--cflags"]);
    for mode in Mode::all() {
        let finished = mode.check(&flags, &own_sources());
        assert!(finished.status.success(), "{mode:?}:\n{}", finished.stderr);
    }
}

/// Every function that the headers leave to the program is one of those that the test above
/// compares with the reference's prototype.
#[test]
fn leave_no_function_untested() {
    let definitions: String = own_sources().iter().map(|path| read(path)).collect();
    let mut declared = 0;
    for name in installed_headers() {
        let text = read(&root().join("include").join(name));
        for line in text.lines().filter(|line| line.starts_with("extern ") && line.contains('(')) {
            let (before, _) = line.split_once('(').expect("a declaration of a function");
            let function = before.rsplit([' ', '*']).next().expect("a name");
            let defined = definitions.lines().any(|line| {
                !line.starts_with(' ')
                    && line.contains(&format!("{function}("))
                    && !line.ends_with(';')
            });
            assert!(defined, "{function} has no prototype of the reference to compare with");
            declared += 1;
        }
    }
    assert!(declared > 60, "only {declared} functions are declared");
}

#[test]
fn inline_functions_work() {
    let sources = own_sources();
    let sources: Vec<&str> = sources.iter().map(|path| path.to_str().expect("UTF-8")).collect();
    let built = Program::new("inline_functions").flags(&sources).uses("glib-2.0");
    let finished = succeed(&mut program(&built.build(Linkage::Dynamic)));
    assert_eq!(finished.stdout.lines().count(), 6, "{finished:?}");
}

/// A strict ISO mode hides `clock_gettime()`; the clocks are the same ones all the same.
#[test]
fn clocks_work_in_strict_c99() {
    let text = "#include \"qemu/timer.h\"\n\
        int main(void)\n\
        {\n\
            int64_t before = g_get_monotonic_time() * 1000, now = get_clock();\n\
            return !(before <= now && now <= g_get_monotonic_time() * 1000 + 999 &&\n\
                     get_clock_realtime() - g_get_real_time() * 1000 < NANOSECONDS_PER_SECOND * 3600);\n\
        }\n";
    let own = own_sources().pop().expect("the timers");
    let built = Program::with_text("strict_clocks", text)
        .flags(&["-std=c99", own.to_str().expect("UTF-8")])
        .uses("glib-2.0")
        .build(Linkage::Dynamic);
    succeed(&mut program(&built));
}
