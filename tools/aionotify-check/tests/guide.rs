//! The commands of the guides in `docs/`, as a reader types them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{abi, compiler, elf, output, prefix, read, root, scratch, succeed, write};
use capi_tests::{Finished, Host, HostLibrary, Linkage, Program};

fn guide(name: &str) -> String {
    read(&root().join("docs").join(name))
}

/// The indented lines that start with this word.
fn commands(guide: &str, start: &str) -> Vec<String> {
    let lines = guide.lines().filter_map(|line| line.strip_prefix("    "));
    lines.filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

/// A shell, in this folder, with the tool in its search path.
fn shell(folder: &Path, command: &str) -> Finished {
    let tool = Path::new(env!("CARGO_BIN_EXE_aionotify-check"));
    let own = tool.parent().expect("a folder").display();
    let path = format!("{own}:{}", env::var("PATH").expect("there is a PATH"));
    let mut sh = Command::new("sh");
    sh.current_dir(folder).env("PATH", path).args(["-c", command]);
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        sh.env_remove(variable);
    }
    output(&mut sh)
}

/// A folder with a program that has been adopted, and its objects in an archive.
fn adopted(name: &str) -> (PathBuf, HostLibrary) {
    let library = Host::new("loop-6.0", &[], "5.2").library("aionotify-mine");
    let text = "#include \"block/aio.h\"\n\
                int main(void)\n\
                {\n\
                    static AioContext ctx;\n\
                    int result = event_notifier_init(&ctx.notifier, 1);\n\
                    aio_notify(&ctx);\n\
                    aio_notify_accept(&ctx);\n\
                    result |= event_notifier_set(&ctx.notifier);\n\
                    result |= event_notifier_test_and_clear(&ctx.notifier) != 1;\n\
                    event_notifier_cleanup(&ctx.notifier);\n\
                    return result;\n\
                }\n\
                void event_notifier_set_handler(EventNotifier *e, EventNotifierHandler *handler)\n\
                {\n\
                    (void)e;\n\
                    (void)handler;\n\
                }\n";
    let built = Program::with_text(name, text).build_for(&library);
    let folder = scratch("trees").join(name);
    fs::create_dir_all(&folder).expect("a writable folder");
    fs::copy(&built, folder.join("myprogram")).expect("a writable folder");
    write(&folder.join("build/part.c"), text);
    let object = folder.join("build/part.o");
    let mut cc = compiler();
    cc.arg("-std=gnu11").args(library.cflags()).arg("-c").arg(folder.join("build/part.c"));
    succeed(cc.arg("-o").arg(&object));
    let archive = folder.join("build/libqemuutil.a");
    let _ = fs::remove_file(&archive);
    succeed(Command::new("ar").arg("rcs").arg(archive).arg(object));
    (folder, library)
}

#[test]
fn nm_and_the_loader_say_what_the_guide_says() {
    let guide = guide("ADOPTING.md");
    let (folder, library) = adopted("adopted-nm");
    let nm = commands(&guide, "nm ");
    assert_eq!(nm.len(), 1, "{nm:?}");
    let finished = shell(&folder, &nm[0]);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(" U ")), "{lines:?}");
    // The pattern has all of the library's functions.
    for name in elf::exports(&library.shared()) {
        if !name.starts_with("aionotify_") {
            let (_, filter) = nm[0].split_once(" | ").expect("a pipe");
            let finished = shell(&folder, &format!("echo ' U {name}' | {filter}"));
            assert!(finished.status.success(), "{name}: {finished:?}");
        }
    }
    let bindings = commands(&guide, "LD_DEBUG=");
    let finished = shell(&folder, &bindings[0]);
    assert!(finished.stdout.lines().count() >= 4, "{finished:?}");
    let of_the_program = finished.stdout.lines().filter(|line| line.contains("file ./myprogram"));
    for line in of_the_program {
        assert!(line.contains("/libaionotify-mine.so.0 "), "{line}");
    }
    // Its own functions call each other by name, and lead there too.
    assert!(!finished.stdout.contains("to ./myprogram"), "{finished:?}");
}

#[test]
fn the_tools_commands_pass_an_adopted_program() {
    let (folder, library) = adopted("adopted");
    let commands = commands(&guide("ADOPTING.md"), "aionotify-check ");
    assert_eq!(commands.len(), 3, "{commands:?}");
    let lib = library.prefix().join("lib").display().to_string();
    let (all_static, others): (Vec<String>, Vec<String>) =
        commands.into_iter().partition(|command| command.contains(" -t "));
    for command in others {
        let finished = shell(&folder, &command.replace("/usr/local/lib", &lib));
        assert_eq!(finished.status.code(), Some(0), "{command}: {finished:?}");
        assert!(finished.stdout.contains("nothing escapes; taken from the library: aio_notify "));
    }
    let mut cc = compiler();
    cc.args(["-std=gnu11", "-static"]).args(library.cflags()).arg(folder.join("build/part.c"));
    succeed(cc.args(library.libs()).arg("-lm").arg("-o").arg(folder.join("myprogram")));
    let finished = shell(&folder, &all_static[0].replace("/usr/local/lib", &lib));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains("has the library linked in, and nothing escapes"));
}

/// Each `make` of the guides has targets and variables that there are: it can be planned.
#[test]
fn make_knows_what_the_guides_ask_of_it() {
    let file = scratch("commands").join("compile_commands.json");
    write(&file, "[]");
    let variables = read(&root().join("Makefile"));
    let mut asked = 0;
    for name in ["ADOPTING.md", "ADOPTING_LOOP.md"] {
        let guide = guide(name);
        let lines = commands(&guide, "make ").into_iter().chain(commands(&guide, "sudo make "));
        for line in lines {
            let line = line.split(" && ").next().expect("a command").replace("sudo ", "");
            for word in line.split(' ').filter(|word| word.starts_with(char::is_uppercase)) {
                let variable = word.split('=').next().expect("a name");
                let known = variables.lines().any(|l| {
                    l.strip_prefix(variable).is_some_and(|l| l.trim_start().starts_with('='))
                });
                assert!(known, "{name}: {line}: {variable}");
            }
            let line = line.replace("=...", &format!("={}", file.display()));
            let finished = shell(root(), &line.replacen("make", "make -n", 1));
            assert!(finished.status.success(), "{name}: {line}: {finished:?}");
            asked += 1;
        }
    }
    assert!(asked >= 8, "{asked}");
}

/// Every function is of its component in the table, as the patterns there say, and of no other.
#[test]
fn the_table_of_components_has_every_function() {
    let guide = guide("ADOPTING_LOOP.md");
    let rows: Vec<(String, Vec<String>)> = guide
        .lines()
        .filter(|line| line.starts_with("| ") && line.matches('`').count() >= 4)
        .map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let patterns = cells[2].split('`').skip(1).step_by(2).map(str::to_owned);
            (cells[0].trim_start_matches("| ").to_owned(), patterns.collect())
        })
        .collect();
    assert_eq!(rows.len(), 7, "{rows:?}");
    let exports = abi::exports("aiocontext");
    // What the library says of itself is no file of a tree.
    for export in exports.iter().filter(|export| export.component != "layout") {
        let symbol = &export.name;
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => symbol.starts_with(start),
            None => symbol == pattern,
        };
        let of: Vec<&String> =
            rows.iter().filter(|row| row.1.iter().any(fits)).map(|row| &row.0).collect();
        assert_eq!(of, [&export.component], "{symbol}");
    }
}

/// A weak reference takes no member out of an archive, and `-u` does.
#[test]
fn stubs_must_be_asked_for() {
    let folder = scratch("stubs");
    write(&folder.join("stub.c"), "#include <stdint.h>\nint64_t cpu_get_clock(void);\nint64_t cpu_get_clock(void) { return 42; }\n");
    let object = folder.join("stub.o");
    succeed(compiler().arg("-c").arg(folder.join("stub.c")).arg("-o").arg(&object));
    let archive = folder.join("libqemustub.a");
    let _ = fs::remove_file(&archive);
    succeed(Command::new("ar").arg("rcs").arg(&archive).arg(object));
    let text = "#include \"block/aio.h\"\n\
                int main(void)\n\
                {\n\
                    init_clocks();\n\
                    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) != 42;\n\
                }\n";
    let archive = archive.display().to_string();
    let command = commands(&guide("ADOPTING_LOOP.md"), "cc ")
        .into_iter()
        .find(|c| c.contains("-u,cpu_get_clock"));
    let option = command.expect("the guide has it");
    let option = option.split(' ').find(|word| word.contains("cpu_get_clock")).expect("an option");
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        let build = |name: &str, flags: &[&str]| {
            let program = Program::with_text(name, text).with("aiocontext").flags(flags);
            // Behind the program's own source.
            let late = format!("-Wl,--push-state,--start-group,{archive},--end-group,--pop-state");
            let program = program.flags(&[&late]).build(linkage);
            output(&mut capi_tests::program(&program)).status.code()
        };
        assert_eq!(build("stub-missing", &[]), Some(1));
        assert_eq!(build("stub-asked-for", &[option]), Some(0));
    }
}

/// A program with a context, on libaiocontext.
fn with_a_context(name: &str, flags: &[&str]) -> Program {
    let text = "#include \"block/aio.h\"\n\
                int main(void) { aio_context_unref(aio_context_new(NULL)); return 0; }\n";
    Program::with_text(name, text).with("aiocontext").flags(flags)
}

/// The list to paste has every hook of the library, and a program with the shared library can be linked
/// with all of them.
#[test]
fn every_hook_may_be_asked_for() {
    let commands = commands(&guide("ADOPTING_LOOP.md"), "cc ");
    let command = commands.iter().find(|command| command.contains("cpu_get_clock"));
    let words = command.expect("the guide has it").split(' ');
    let options: Vec<&str> = words.filter(|word| word.starts_with("-Wl,-u,")).collect();
    let program = with_a_context("all-hooks", &options).build(Linkage::Dynamic);
    let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
    tool.arg("--json").arg("-l").arg(prefix().join("lib/libaiocontext.so")).arg(program);
    let report: serde_json::Value = serde_json::from_str(&succeed(&mut tool).stdout).expect("JSON");
    let hooks = report["files"][0]["hooks"]["default"].as_array().expect("a list");
    let hooks: Vec<String> =
        hooks.iter().map(|hook| format!("-Wl,-u,{}", hook.as_str().expect("a name"))).collect();
    assert_eq!(options, hooks);
    assert_eq!(options.len(), 12, "the guide says twelve");
}

/// The figures to compare are those of the library.
#[test]
fn the_layouts_to_compare_are_the_librarys() {
    let guide = guide("ADOPTING_LOOP.md");
    for architecture in ["x86_64", "aarch64"] {
        let structs = abi::layout(architecture);
        let (_, figures) =
            structs.iter().find(|(name, _)| name == "AioContext").expect("the table has it");
        let size = figures[0].split('/').next().expect("a size");
        let at = |member| abi::offset(architecture, member).expect("an offset");
        let row = format!(
            "| {architecture} | {size} | `fits: qemu-2.4 notify_me@{} notified@{} notifier@{}` |",
            at("notify_me"),
            at("notified"),
            at("notifier")
        );
        assert!(guide.lines().any(|line| line == row), "{row}");
    }
}

/// The check as it stands there, in a file that includes what a tree's does.
#[test]
fn the_layout_check_compiles_as_shown() {
    let guide = guide("ADOPTING_LOOP.md");
    let (_, block) = guide.split_once("```c\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    let text = format!("{block}int main(void) {{ check_layout(); return 0; }}\n");
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        let program = Program::with_text("shown", &text).with("aiocontext").build(linkage);
        succeed(&mut capi_tests::program(&program));
    }
}

/// The flags for the archive alone leave no shared library of ours in the program.
#[test]
fn the_archive_is_linked_by_its_name() {
    let commands = commands(&guide("ADOPTING_LOOP.md"), "cc ");
    let command = commands.iter().find(|command| command.contains("--static"));
    let (_, flags) =
        command.expect("the guide has it").split_once("libqemustub.a ").expect("archives");
    let path = prefix().join("lib/pkgconfig");
    let path = format!("{}:{}", path.display(), env::var("PKG_CONFIG_PATH").unwrap_or_default());
    let flags = shell(root(), &format!("export PKG_CONFIG_PATH={path}; echo {flags}")).stdout;
    let folder = scratch("by-name");
    let (source, program) = (folder.join("by-name.c"), folder.join("by-name"));
    write(&source, "int init_clocks(void);\nint main(void) { init_clocks(); return 0; }\n");
    succeed(compiler().arg(&source).arg("-o").arg(&program).args(flags.split_whitespace()));
    let needed = elf::needed(&program);
    assert!(needed.iter().all(|name| !name.contains("aiocontext")), "{needed:?}");
    succeed(&mut capi_tests::program(&program));
}

/// The tool's commands for the whole loop.
#[test]
fn the_tools_commands_pass_a_program_with_the_whole_loop() {
    let commands = commands(&guide("ADOPTING_LOOP.md"), "aionotify-check ");
    assert_eq!(commands.len(), 2, "{commands:?}");
    let folder = scratch("trees").join("whole-loop");
    fs::create_dir_all(&folder).expect("a writable folder");
    let lib = prefix().join("lib").display().to_string();
    for (command, linkage) in commands.iter().zip([Linkage::Dynamic, Linkage::AllStatic]) {
        let built = with_a_context("whole-loop", &[]).build(linkage);
        fs::copy(built, folder.join("myprogram")).expect("a writable folder");
        let finished = shell(&folder, &command.replace("/usr/local/lib", &lib));
        assert_eq!(finished.status.code(), Some(0), "{command}: {finished:?}");
        assert!(finished.stdout.contains("./myprogram: hooks default: cpu_get_clock "));
    }
}

/// The header alone, where the tree keeps its own.
#[test]
fn the_folder_with_the_one_header() {
    let guides = [guide("ADOPTING.md"), guide("ADOPTING_LOOP.md")];
    for (guide, package) in guides.iter().zip(["aionotify", "aiocontext"]) {
        let flag = format!("-I$(pkg-config --variable=includedir {package})/aionotify-tree");
        assert!(guide.contains(&flag), "{flag}");
        let path = prefix().join("lib/pkgconfig");
        let command =
            format!("PKG_CONFIG_PATH={} && export PKG_CONFIG_PATH && echo {flag}", path.display());
        let folder = shell(root(), &command).stdout.trim().replace("-I", "");
        let files: Vec<PathBuf> = fs::read_dir(Path::new(&folder).join("aionotify"))
            .expect("it is installed")
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        assert_eq!(files, [Path::new(&folder).join("aionotify/target.h")]);
    }
}
