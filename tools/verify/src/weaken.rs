//! Every fence and ordering of the protocol, weakened one at a time: a loom test must fail.
//!
//! The places are found in the source, so none can be forgotten. What is Relaxed already has no
//! weaker form; its comment says why that is enough.

use std::fs;

use crate::planted::Planted;
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
    let planted = Planted::unchanged(place);
    fs::write(planted.path().join("src/protocol.rs"), text).expect("the copy can be written");
    let ran = run::run(planted.command("cargo").args(["test", "--offline", "--test", "loom"]));
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
