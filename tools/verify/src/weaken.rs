//! Every fence and ordering of the protocols, weakened one at a time: a loom test must fail.
//!
//! The places are found in the source, so none can be forgotten. What is Relaxed already has no
//! weaker form; its comment says why that is enough.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::planted::Planted;
use crate::row::{Check, Outcome};
use crate::run;
use crate::Place;

/// A protocol: its source or a folder of sources, and the test program that runs it under loom.
struct Protocol {
    sources: &'static str,
    program: &'static str,
    /// Whether its exchanges must not be plain stores: what the 5.2 protocol promises in the C++
    /// model rests on them.
    exchanges: bool,
}

const PROTOCOLS: &[Protocol] = &[
    Protocol { sources: "src/protocol/flag.rs", program: "loom_flag", exchanges: false },
    Protocol { sources: "src/protocol/since_5_2.rs", program: "loom_since_5_2", exchanges: true },
    Protocol {
        sources: "src/protocol/coalescing.rs",
        program: "loom_coalescing",
        exchanges: false,
    },
];

/// One ordering, and the file's text with a weaker one.
struct Weakened {
    /// What is weakened, and in which function.
    claim: String,
    file: String,
    text: String,
}

pub(crate) fn checks(place: &Place) -> Vec<Check> {
    let mut checks = Vec::new();
    for protocol in PROTOCOLS {
        let mut found = Vec::new();
        for file in sources(&place.root, protocol.sources) {
            let source = fs::read_to_string(place.root.join(&file)).unwrap_or_default();
            found.extend(weakened(&file, &source, protocol.exchanges));
        }
        if found.is_empty() {
            let claim = format!("the orderings of {}", protocol.sources);
            checks.push(Check::new("loom", claim, |_| Outcome::failed("none found to weaken")));
        }
        checks.extend(found.into_iter().map(|weakened| {
            Check::new("loom", format!("planted: {}", weakened.claim), move |place| {
                check(place, protocol, &weakened)
            })
        }));
    }
    checks
}

/// The Rust files at or below a path, relative to the root as the path is.
fn sources(root: &Path, path: &str) -> Vec<String> {
    if !root.join(path).is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(root.join(path)).expect("a readable folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let below = |name| sources(root, &format!("{path}/{name}"));
    let files = names.into_iter().flat_map(below);
    files.filter(|file| file.ends_with(".rs")).collect()
}

fn weakened(file: &str, source: &str, exchanges: bool) -> Vec<Weakened> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    let mut seen = BTreeMap::new();
    let mut in_use = false;
    for (number, line) in lines.iter().enumerate() {
        // Tests stand last in a file.
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        in_use |= ["use ", "pub use "].iter().any(|start| code.trim_start().starts_with(start));
        if in_use {
            in_use = !code.contains(';');
            continue;
        }
        for (what, column, old, new) in weaker(code, exchanges) {
            if is_shown_by_spin(&lines[..number]) {
                continue;
            }
            let mut text = lines.clone();
            let changed = format!("{}{new}{}", &line[..column], &line[column + old.len()..]);
            text[number] = &changed;
            let mut claim =
                format!("{what} weakened in {} of {file}", function_of(&lines[..number]));
            let times = seen.entry(claim.clone()).or_insert(0);
            *times += 1;
            if *times > 1 {
                claim.push_str(&format!(", place {times}"));
            }
            found.push(Weakened { claim, file: file.to_owned(), text: text.join("\n") + "\n" });
        }
    }
    found
}

/// Whether the comment above a line names the planted fault of a Spin model that shows what breaks:
/// loom runs a thread's accesses in order, and cannot.
fn is_shown_by_spin(before: &[&str]) -> bool {
    let comment = before.iter().rev().skip_while(|line| is_of_statement(line));
    let mut comment: Vec<&str> =
        comment.take_while(|line| is_comment(line)).map(|line| line.trim()).collect();
    comment.reverse();
    let text = comment.join(" ").replace(" // ", " ");
    crate::spin::faults().any(|(model, fault)| text.contains(&format!("{fault} in models/{model}")))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Whether a statement goes on behind this line.
fn is_of_statement(line: &str) -> bool {
    let line = line.trim_end();
    !is_comment(line) && !line.is_empty() && !line.ends_with([';', '{', '}'])
}

/// What can be weakened in a line: its name, where it is, what it is, and what is weaker.
fn weaker(code: &str, exchanges: bool) -> Vec<(String, usize, String, String)> {
    const ORDERINGS: [&str; 4] = ["SeqCst", "AcqRel", "Acquire", "Release"];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for ordering in ORDERINGS {
        for (column, _) in code.match_indices(ordering) {
            let (before, after) = (&code[..column], &code[column + ordering.len()..]);
            if before.ends_with(is_word) || after.starts_with(is_word) {
                continue;
            }
            // A load and a store have only one notch between SeqCst and Relaxed.
            let call = before.rsplit_once('(').map_or("", |(call, _)| call);
            let weaker = match ordering {
                "SeqCst" if call.ends_with("load") => "Acquire",
                "SeqCst" if call.ends_with("store") => "Release",
                "SeqCst" => "AcqRel",
                _ => "Relaxed",
            };
            let what = if call.ends_with("fence") { "fence " } else { "" };
            // The path up to the name goes too.
            let start = before.trim_end_matches(|c| is_word(c) || c == ':').len();
            let path = format!("core::sync::atomic::Ordering::{weaker}");
            let what = format!("{what}{ordering}");
            found.push((what, start, code[start..column + ordering.len()].to_owned(), path));
        }
    }
    if exchanges {
        for (column, old) in code.match_indices(".swap(") {
            found.push(("exchange".to_owned(), column, old.to_owned(), ".store(".to_owned()));
        }
    }
    found
}

/// The name of the function whose lines these are the first of.
fn function_of(before: &[&str]) -> String {
    let start = before.iter().rev().find_map(|line| line.split_once("fn "));
    start.and_then(|(_, rest)| rest.split(['<', '(']).next()).unwrap_or("?").to_owned()
}

/// Runs the loom tests on a copy whose protocol has this text.
fn check(place: &Place, protocol: &Protocol, weakened: &Weakened) -> Outcome {
    let copy = Planted::with_text(place, &weakened.file, &weakened.text);
    let mut cargo = copy.command("cargo");
    cargo.args(["test", "--offline", "--profile", "bench"]);
    cargo.args(["-p", "aio-notify", "--test", protocol.program]);
    let ran = run::run(&mut cargo);
    let failed = ran.failed_tests();
    Outcome {
        good: !failed.is_empty(),
        result: match failed.first() {
            Some(first) => format!("caught by {first} and {} more", failed.len() - 1),
            None => format!("not caught: {}", ran.end()),
        },
        explored: "until the first failure".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(code: &str, exchanges: bool) -> Vec<String> {
        let source = format!("use x::{{\n    Acquire, Release,\n}};\nfn f<T>(\n) {{\n{code}\n}}\n");
        weakened("a.rs", &source, exchanges).into_iter().map(|weakened| weakened.claim).collect()
    }

    #[test]
    fn every_ordering_is_found() {
        let code = "    // Acquire\n    a.compare_exchange(0, 1, AcqRel, Acquire);\n    Release,";
        let expected = ["AcqRel", "Acquire", "Release"]
            .map(|ordering| format!("{ordering} weakened in f of a.rs"));
        assert_eq!(claims(code, false), expected);
        assert_eq!(claims("NotAcquire(SeqCstish, 1)", false), [""; 0]);
        assert_eq!(claims("a.swap(1, Relaxed)", true), ["exchange weakened in f of a.rs"]);
        let twice = claims("fence(SeqCst); fence(Ordering::SeqCst);", false);
        let first = "fence SeqCst weakened in f of a.rs";
        assert_eq!(twice, [first.to_owned(), format!("{first}, place 2")]);
    }

    #[test]
    fn a_path_is_replaced_whole() {
        let found = weakened("a.rs", "    a.store(1, Ordering::Release); // Release\n", false);
        let text = "    a.store(1, core::sync::atomic::Ordering::Relaxed); // Release\n";
        assert_eq!(found[0].text, text);
        let found = weakened("a.rs", "    a.load(SeqCst);\n", false);
        assert_eq!(found[0].text, "    a.load(core::sync::atomic::Ordering::Acquire);\n");
    }
}
