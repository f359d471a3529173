//! Every fence and ordering of the protocols, weakened one at a time: a loom test must fail.
//!
//! The places are found in the source, so none can be forgotten. What is Relaxed already has no
//! weaker form; its comment says why that is enough.

use std::fs;

use crate::planted::Planted;
use crate::row::Row;
use crate::run::{self, Ran};
use crate::Place;

/// A protocol's source, and the package's test program that runs it under loom.
const PROTOCOLS: &[(&str, (&str, &str))] = &[
    ("src/protocol.rs", ("aio-notify", "loom")),
    ("src/protocol_5_2.rs", ("aio-notify", "loom_5_2")),
    ("aiocontext/wake/src/lib.rs", ("aiocontext-wake", "loom")),
];

/// The orderings as they stand in the source, and what a notch weaker is.
const WEAKER: &[(&str, &str)] = &[
    ("fence(SeqCst)", "fence(core::sync::atomic::Ordering::AcqRel)"),
    (", SeqCst)", ", core::sync::atomic::Ordering::AcqRel)"),
    (", AcqRel)", ", Relaxed)"),
    (", Release)", ", Relaxed)"),
    (", Acquire)", ", Relaxed)"),
    // A store in the place of an exchange: not what the 5.2 protocol promises in the C++ model.
    (".swap(true, Release)", ".store(true, Release)"),
    (".swap(false, Relaxed)", ".store(false, Relaxed)"),
];

pub(crate) fn run(place: &Place, report: &mut dyn FnMut(Row)) {
    for protocol in PROTOCOLS {
        weaken(place, *protocol, report);
    }
}

fn weaken(place: &Place, (file, program): (&str, (&str, &str)), report: &mut dyn FnMut(Row)) {
    let source = fs::read_to_string(place.root.join(file)).expect("the protocol");
    let mut found = 0;
    for (number, line) in source.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (ordering, weaker) in WEAKER {
            if line.contains(ordering) {
                found += 1;
                let text = with_line(&source, number, &line.replace(ordering, weaker));
                report(check(place, (file, program), &source, number, ordering, &text));
            }
        }
    }
    if found == 0 {
        report(Row {
            claim: format!("the orderings of {file}"),
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
fn check(
    place: &Place,
    (file, (package, program)): (&str, (&str, &str)),
    source: &str,
    number: usize,
    ordering: &str,
    text: &str,
) -> Row {
    let planted = Planted::unchanged(place);
    fs::write(planted.path().join(file), text).expect("the copy can be written");
    let ran = run::run(planted.command("cargo").args([
        "test",
        "--offline",
        "-p",
        package,
        "--test",
        program,
    ]));
    let failed = failed_tests(&ran);
    let function = function_of(source, number);
    Row {
        claim: format!(
            "planted: {} weakened in {function} of {file}",
            ordering.trim_matches(['.', ',', ' ', ')']).replace('(', " ")
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
