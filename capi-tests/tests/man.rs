//! The installed manual pages: one for each function, without a warning, with an example that
//! compiles and runs.

use std::fs;
use std::process::Command;

use capi_tests::{prefix, program, root, succeed, Linkage, Program};

/// The functions that the library exports.
fn functions() -> Vec<String> {
    let list = root().join("capi-tests/abi/symbols.txt");
    let text = fs::read_to_string(list).expect("the list of symbols is committed");
    text.lines().map(str::to_owned).collect()
}

/// A page as `man` shows it from the installed tree, and what it warns of.
fn show(page: &str) -> (String, String) {
    let mut man = Command::new("man");
    man.arg("-M").arg(prefix().join("share/man")).args(["--warnings", "-E", "UTF-8", "3", page]);
    man.env("MANWIDTH", "10000").env("MAN_KEEP_FORMATTING", "").env("LC_ALL", "C.UTF-8");
    let finished = succeed(&mut man);
    (finished.stdout, finished.stderr)
}

#[test]
fn each_function_has_a_page_that_names_it() {
    for function in functions() {
        let (text, warnings) = show(&function);
        let (_, rest) = text.split_once("NAME\n").expect("a page has a NAME");
        let (name, _) = rest.split_once("\n\n").expect("NAME ends");
        let mut names = name.split(" - ").next().expect("there are names").split(", ");
        assert!(names.any(|name| name.trim() == function), "{function} is not in: {name}");
        assert!(text.contains(&format!("{function}(")), "{function} has no synopsis");
        assert_eq!(warnings, "", "{function}");
    }
}

#[test]
fn a_page_with_a_mistake_is_warned_of() {
    let page = capi_tests::scratch("man").join("mistake.3");
    fs::write(&page, ".TH MISTAKE 3\n.SH NAME\nmistake \\- \\*[undefined]\n.nosuchmacro\n")
        .expect("the scratch folder can be written");
    let mut man = Command::new("man");
    man.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page);
    assert_ne!(succeed(&mut man).stderr, "");
}

#[test]
fn the_example_compiles_and_ends() {
    let page = prefix().join("share/man/man3/aio_notify.3");
    let page = fs::read_to_string(page).expect("the page is installed");
    let (_, rest) = page.split_once("\n.EX\n").expect("the page has an example");
    let (example, _) = rest.split_once("\n.EE\n").expect("the example ends");
    let text = example.replace("\\(dq", "\"").replace("\\-", "-");
    let built = Program::with_text("man-example", &text).build(Linkage::Dynamic);
    succeed(&mut program(&built));
}
