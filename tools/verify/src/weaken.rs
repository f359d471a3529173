//! Every fence and ordering of the protocol, weakened one at a time: a loom test must fail.
//!
//! The places are found in the source, so none can be forgotten. What is Relaxed already has no
//! weaker form; its comment says why that is enough.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::row::Row;
use crate::run::{self, Ran};
use crate::Place;

/// The orderings as they stand in the source, and what a notch weaker is.
const WEAKER: &[(&str, &str)] = &[
    ("fence(SeqCst)", "fence(Ordering::AcqRel)"),
    (", SeqCst)", ", Ordering::AcqRel)"),
    (", AcqRel)", ", Relaxed)"),
    (", Release)", ", Relaxed)"),
    (", Acquire)", ", Relaxed)"),
];

pub(crate) fn run(place: &Place, report: &mut dyn FnMut(Row)) {
    let source = fs::read_to_string(place.root.join("src/protocol.rs")).expect("the protocol");
    let mut found = 0;
    for (number, line) in source.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (ordering, weaker) in WEAKER {
            if line.contains(ordering) {
                found += 1;
                let text = with_line(&source, number, &line.replace(ordering, weaker));
                report(check(place, &source, number, ordering, &text));
            }
        }
    }
    if found == 0 {
        report(Row {
            claim: "the protocol's orderings".to_owned(),
            tool: "loom",
            result: "none found to weaken".to_owned(),
            explored: String::new(),
            time: std::time::Duration::ZERO,
            good: false,
        });
    }
}

fn with_line(source: &str, number: usize, line: &str) -> String {
    let mut lines: Vec<&str> = source.lines().collect();
    lines[number] = line;
    lines.join("\n") + "\n"
}

/// Runs the loom tests on a copy whose protocol has this text.
fn check(place: &Place, source: &str, number: usize, ordering: &str, text: &str) -> Row {
    let copy = place.scratch.join("weaken");
    copy_crate(&place.root, &copy);
    fs::write(copy.join("src/protocol.rs"), text).expect("the copy can be written");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&copy).env("CARGO_TARGET_DIR", place.scratch.join("weaken-target")).args([
        "test",
        "--offline",
        "--test",
        "loom",
    ]);
    let ran = run::run(&mut cargo);
    let failed = failed_tests(&ran);
    let function = function_of(source, number);
    Row {
        claim: format!(
            "planted: {} weakened in {function}",
            ordering.trim_matches([',', ' ', ')']).replace('(', " ")
        ),
        tool: "loom",
        good: !failed.is_empty(),
        result: match failed.first() {
            Some(first) => format!("caught by {first} and {} more", failed.len() - 1),
            None => ran.end(),
        },
        explored: "until the first failure".to_owned(),
        time: ran.time,
    }
}

fn failed_tests(ran: &Ran) -> Vec<String> {
    let failed = |line: &str| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.to_owned())
    };
    ran.text.lines().filter_map(failed).collect()
}

/// The name of the function that a line is in.
fn function_of(source: &str, number: usize) -> String {
    let before: Vec<&str> = source.lines().take(number).collect();
    let start = before.iter().rev().find_map(|line| line.split_once("fn "));
    start.and_then(|(_, rest)| rest.split(['<', '(']).next()).unwrap_or("?").to_owned()
}

/// The root package without the rest of the workspace.
fn copy_crate(root: &Path, copy: &Path) {
    let _ = fs::remove_dir_all(copy);
    fs::create_dir_all(copy).expect("the scratch folder can be written");
    for part in ["Cargo.lock", "build.rs", "src", "tests"] {
        let copied = Command::new("cp").arg("-R").arg(root.join(part)).arg(copy).status();
        assert!(copied.is_ok_and(|status| status.success()), "cannot copy {part}");
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
    let members = manifest.lines().find(|line| line.starts_with("members = "));
    let manifest = manifest.replace(members.expect("one line of members"), "members = []");
    fs::write(copy.join("Cargo.toml"), manifest).expect("the copy can be written");
}
