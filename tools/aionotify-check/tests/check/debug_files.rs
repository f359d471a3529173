//! Debugging information that is apart: types in sections of their own, packages, files that a program
//! has been stripped of; and archives that have none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{output, scratch, succeed, write};

use super::asked::{check, escapes, run, unknown};
use super::programs::*;

const INLINED: &str = "check has aio_notify_accept inlined (line ";

/// A program of these flags in which a definition is left, and one in which none is.
fn programs(name: &str, flags: &[&str]) -> (PathBuf, PathBuf) {
    let own = compiled(&format!("{name}-own"), &loop_text(), flags);
    let main = compiled(&format!("{name}-main"), &main_text(), flags);
    let clean = notifying(&format!("{name}-clean"), flags);
    let library = shared_library();
    let left = linked(&format!("{name}-left"), &[text_of(&main), text_of(&own)], &library);
    (left, linked(&format!("{name}-clean"), &[text_of(&clean)], &library))
}

fn names_inlined(file: &Path) -> bool {
    escapes(file).iter().any(|line| line.starts_with(INLINED))
}

/// An object file then has several sections of a name.
#[test]
fn types_in_sections_of_their_own() {
    for (name, flags) in [
        ("types-5", &["-gdwarf-5"][..]),
        ("types-4", &["-gdwarf-4"]),
        ("types-zlib", &["-gdwarf-5", "-gz=zlib"]),
        ("types-zlib-gnu", &["-gdwarf-4", "-gz=zlib-gnu"]),
        ("types-split-5", &["-gdwarf-5", "-gsplit-dwarf"]),
        ("types-split-4", &["-gdwarf-4", "-gsplit-dwarf"]),
    ] {
        let flags = [flags, &["-fdebug-types-section"]].concat();
        let (left, clean) = programs(name, &flags);
        assert!(names_inlined(&left), "{name}");
        assert_eq!(escapes(&clean), [""; 0], "{name}");
        let object = compiled(&format!("{name}-object"), &loop_text(), &flags);
        assert!(names_inlined(&object), "{name}");
        assert_eq!(escapes(&notifying(&format!("{name}-fits"), &flags)), [""; 0], "{name}");
        // The types are read.
        let moved = notifying(&format!("{name}-moved"), &[&flags[..], &["-DMORE=8"]].concat());
        let found = escapes(&moved);
        assert!(found[0].contains("is laid out otherwise: notified "), "{name}: {found:?}");
    }
}

/// A package that cannot be read is none; the files that it would collect may be there.
#[test]
fn a_package_that_cannot_be_read() {
    let (left, clean) = programs("package", &["-gsplit-dwarf"]);
    let package = |program: &Path| PathBuf::from(format!("{}.dwp", program.display()));
    for content in ["", "no ELF file\n"] {
        write(&package(&left), content);
        write(&package(&clean), content);
        assert!(names_inlined(&left), "{content:?}");
        assert_eq!(escapes(&clean), [""; 0], "{content:?}");
    }
    let part = scratch("objects").join("package-clean.dwo");
    let kept = part.with_extension("kept");
    fs::rename(&part, &kept).expect("it is there");
    let said = unknown(&clean);
    let words = format!("which is not there; {} cannot be read: ", package(&clean).display());
    assert!(said.contains(&words), "{said}");
    // With the package, the files are not needed.
    fs::copy(&kept, &part).expect("a writable folder");
    let packed = succeed(tool("DWP", "dwp").arg("-e").arg(&clean).arg("-o").arg(package(&clean)));
    fs::remove_file(&part).expect("it is there");
    assert_eq!(escapes(&clean), [""; 0], "{packed:?}");
    // One that is damaged is named.
    write(&part, "no ELF file\n");
    fs::remove_file(package(&clean)).expect("it is there");
    assert!(unknown(&clean).contains("package-clean.dwo: "));
}

/// A stripped copy of a program, and the file that it names.
fn stripped(program: &Path, name: &str) -> (PathBuf, PathBuf) {
    let folder = scratch(name);
    let file = folder.join("program");
    let debug = folder.join("program.debug");
    succeed(tool("OBJCOPY", "objcopy").arg("--only-keep-debug").arg(program).arg(&debug));
    succeed(tool("STRIP", "strip").arg("-o").arg(&file).arg(program));
    let link = format!("--add-gnu-debuglink={}", debug.display());
    succeed(tool("OBJCOPY", "objcopy").arg(link).arg(&file));
    (file, debug)
}

#[test]
fn a_stripped_program_names_its_debugging_information() {
    let (left, clean) = programs("debuglink", &[]);
    let (left, left_debug) = stripped(&left, "debuglink-left");
    assert!(names_inlined(&left));
    let found = escapes(&left);
    assert!(found.contains(&"defines aio_notify_accept itself (GLOBAL)".to_owned()), "{found:?}");
    let (clean, debug) = stripped(&clean, "debuglink-clean");
    assert_eq!(escapes(&clean), [""; 0]);
    // The file of the symbols alone has no code to look at.
    for file in [&left_debug, &debug] {
        let said = unknown(file);
        assert!(said.contains("it holds debugging information and no code"), "{said}");
    }
    // Beside the program in a folder for such files.
    let apart = debug.with_file_name(".debug");
    fs::create_dir_all(&apart).expect("a writable folder");
    fs::rename(&debug, apart.join("program.debug")).expect("a writable folder");
    assert_eq!(escapes(&clean), [""; 0]);
    fs::remove_dir_all(&apart).expect("a writable folder");
    let said = unknown(&clean);
    let words = "its symbols and debugging information are in program.debug, which is not there";
    assert!(said.contains(words), "{said}");
    // One of another build would hide what is left.
    fs::copy(&left_debug, &debug).expect("a writable folder");
    let said = unknown(&clean);
    assert!(said.contains("program.debug, which is of another build"), "{said}");
}

/// An archive may be a linker script that names others.
#[test]
fn a_linker_script_of_archives() {
    let folder = scratch("script");
    let plain =
        compiled("script-plain", "int plain(void);\nint plain(void) { return 0; }\n", &["-g0"]);
    let other =
        compiled("script-other", "int other(void);\nint other(void) { return 0; }\n", &["-g0"]);
    let archive = |name: &str, object: &Path| {
        let archive = folder.join(name);
        let _ = fs::remove_file(&archive);
        succeed(tool("AR", "ar").arg("rcs").arg(&archive).arg(object));
        archive
    };
    let first = archive("libfirst.a", &plain);
    archive("libsecond.a", &other);
    let text = format!(
        "{HEADER}int plain(void); int other(void);\n\
         int main(void) {{ static AioContext ctx; aio_notify(&ctx); return plain() + other(); }}\n"
    );
    let main = compiled("script-main", &text, &[]);
    let words = [text_of(&main), text_of(&plain), text_of(&other)];
    let program = linked("script", &words, &shared_library());
    let script = folder.join("libm.a");
    let with = |text: &str| {
        write(&script, text);
        run("aionotify", &["-t", text_of(&script), text_of(&program)])
    };
    for inputs in [
        format!("GROUP ( {} AS_NEEDED ( -lsecond ) )", first.display()),
        "INPUT(libfirst.a,libsecond.a)".to_owned(),
        "GROUP ( /no/such/folder/libfirst.a \"libsecond.a\" )".to_owned(),
    ] {
        let script = format!("/* GNU ld script ( */\nOUTPUT_FORMAT(elf64-x86-64)\n{inputs}\n");
        let finished = with(&script);
        assert_eq!(finished.status.code(), Some(0), "{script}: {finished:?}");
    }
    // It trusts what it names, and no more.
    let finished = with("GROUP ( libfirst.a )\n");
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("no debugging information of other, so "), "{finished:?}");
    let finished = with("GROUP ( libthird.a )\n");
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("libm.a: ") && finished.stderr.contains("libthird.a: "));
    let finished = with("no script\n");
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("libm.a: "), "{finished:?}");
}

/// A reader gets the first names, a program all.
#[test]
fn json_has_every_name() {
    let names = ["one", "two", "three", "four", "five", "six"];
    let define = |name: &&str| format!("int {name}(void);\nint {name}(void) {{ return 0; }}\n");
    let text: String = names.iter().map(define).collect();
    let plain = compiled("many-plain", &text, &["-g0"]);
    let main = notifying("many-main", &[]);
    let program = linked("many", &[text_of(&main), text_of(&plain)], &shared_library());
    let said = check(&program).stderr;
    assert!(said.contains("no debugging information of five, four, one and 3 more, so "), "{said}");
    assert!(said.contains("(libc.a and the like in a static program) with -t"), "{said}");
    let mut tool = Command::new(env!("CARGO_BIN_EXE_aionotify-check"));
    tool.arg("--json").arg("-l").arg(capi_tests::prefix().join("lib/libaionotify.so"));
    let report = output(tool.arg(&program)).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let reason = report["files"][0]["unknown"][0].as_str().expect("a reason");
    let words = "no debugging information of five, four, one, six, three, two, so ";
    assert!(reason.starts_with(words), "{reason}");
}
