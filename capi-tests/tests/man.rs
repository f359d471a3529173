//! The installed manual pages: one for each function, without a warning, with a synopsis that a compiler
//! takes beside the headers, and an example that compiles and runs.

use std::process::Command;

use capi_tests::{
    abi, compiler, files_below, output, pkg_config, prefix, program, root, scratch, succeed, write,
    Finished, Linkage, Program,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The columns of a terminal.
const WIDTH: usize = 80;

/// What `man` shows of a page in a terminal, and what it warns of.
fn man(arguments: &[&str]) -> Finished {
    let mut man = Command::new("man");
    man.args(["--warnings", "-E", "UTF-8"]).args(arguments);
    man.env("MANWIDTH", WIDTH.to_string()).env("MAN_KEEP_FORMATTING", "").env("LC_ALL", "C.UTF-8");
    succeed(&mut man)
}

/// The page that a user finds for a name.
fn installed(page: &str) -> Finished {
    let pages = prefix().join("share/man");
    man(&["-M", pages.to_str().expect("a path in UTF-8"), "3", page])
}

/// The lines of a section.
fn section(page: &str, title: &str) -> String {
    let lines = page.lines().skip_while(|&line| line != title).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    assert_ne!(text, "", "the page has a section {title}:\n{page}");
    text
}

#[test]
fn each_function_has_a_page_that_names_it() {
    let of_notifier = abi::symbols("aionotify");
    // The loop's library has all that the notifier's has.
    for function in abi::symbols("aiocontext") {
        let page = installed(&function);
        assert_eq!(page.stderr, "", "{function}");
        let text = page.stdout;
        // Wherever the lines end.
        let name = section(&text, "NAME").split_whitespace().collect::<Vec<_>>().join(" ");
        let (names, _) = name.split_once(" - ").expect("names, and what they are");
        assert!(names.split(',').any(|name| name.trim() == function), "{function}: {name}");
        let synopsis = section(&text, "SYNOPSIS").replace('*', " ");
        let declared = [format!("{function}("), format!(" {function};")];
        assert!(declared.iter().any(|text| synopsis.contains(text)), "{function}");
        let library = if of_notifier.contains(&function) { "aionotify" } else { "aiocontext" };
        assert!(text.contains(&format!("{library} {VERSION} ")), "{function}: another version");
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{function}: too long: {line}");
        }
    }
}

#[test]
fn a_page_with_a_mistake_is_warned_of() {
    let page = scratch("man").join("mistake.3");
    write(&page, ".TH MISTAKE 3\n.SH NAME\nmistake \\- \\*[undefined]\n.nosuchmacro\n");
    let page = page.to_str().expect("a path in UTF-8");
    assert_ne!(man(&["-l", page]).stderr, "");
}

/// What the compiler says of a synopsis, which includes the header and declares the functions once
/// more.
fn check_synopsis(name: &str, text: &str) -> Finished {
    let source = scratch("synopsis").join(format!("{name}.c"));
    write(&source, text);
    let mut command = compiler();
    command.args(["-std=gnu11", "-fsyntax-only"]).args(pkg_config(&["--cflags"])).arg(&source);
    output(&mut command)
}

#[test]
fn the_synopses_agree_with_the_headers() {
    for page in files_below(&root().join("man")) {
        let page = page.trim_end_matches(".3");
        let synopsis = section(&installed(page).stdout, "SYNOPSIS");
        let checked = check_synopsis(page, &synopsis);
        assert!(checked.status.success(), "{synopsis}{}", checked.stderr);
        let wrong = synopsis.replacen("(", "(char, ", 1);
        assert!(!check_synopsis("wrong", &wrong).status.success(), "{wrong}");
    }
}

#[test]
fn the_example_compiles_and_ends() {
    // As it is shown, for that is what a user copies.
    let text = section(&installed("aio_notify").stdout, "EXAMPLES");
    let start = text.find("#include").expect("the example is a program");
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        let built = Program::with_text("man-example", &text[start..]).build(linkage);
        succeed(&mut program(&built));
    }
}
