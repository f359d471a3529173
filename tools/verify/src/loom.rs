//! The protocols' shipped code under loom.

use std::process::Command;

use crate::row::{Check, Outcome};
use crate::run::{self, Ran};
use crate::Place;

/// The test programs, all of whose tests are run, and the loop whose protocol each explores.
const PROGRAMS: &[(&str, &str)] = &[
    ("loom_flag", "loops up to 5.1"),
    ("loom_since_5_2", "loops since 5.2"),
    ("loom_coalescing", "our own loop"),
];

/// Deeper than in the test suite, which has 2.
const PREEMPTIONS: &str = "3";

pub(crate) fn checks() -> Vec<Check> {
    let check = |&(program, whose): &'static (&str, &str)| {
        Check::new("loom", format!("nothing lost, no endless spin: {whose}"), move |place| {
            explore(place, program)
        })
    };
    PROGRAMS.iter().map(check).collect()
}

fn explore(place: &Place, program: &str) -> Outcome {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&place.root)
        .env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS)
        // Optimized; the release profile would spend the time that it saves in linking.
        .args(["test", "--locked", "--profile", "bench", "-p", "aio-notify", "--test", program])
        .args(["--", "--nocapture"]);
    let ran = run::run(&mut cargo);
    let tests = ran.word_before("passed;").unwrap_or("no").to_owned();
    let good = ran.success && tests.parse().is_ok_and(|tests: u32| tests > 0);
    Outcome {
        good,
        result: if good { "holds".to_owned() } else { ran.end() },
        explored: format!(
            "{tests} tests, {} interleavings, {PREEMPTIONS} preemptions",
            interleavings(&ran)
        ),
    }
}

fn interleavings(ran: &Ran) -> u64 {
    let counts = ran.text.split("interleavings explored:").skip(1);
    counts.filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).sum()
}
