//! The protocols' own code under loom.

use std::process::Command;

use crate::row::{Check, Outcome};
use crate::run::{self, Ran};
use crate::Place;

/// The packages and their test programs, all of whose tests are run, and whose protocol that is.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("aio-notify", "loom", "loops up to 5.1"),
    ("aio-notify", "loom_5_2", "loops since 5.2"),
    ("aiocontext-wake", "loom", "our own loop"),
];

/// Deeper than in the test suite, which has 2.
const PREEMPTIONS: &str = "3";

pub(crate) fn checks() -> Vec<Check> {
    let check = |&(package, program, whose): &'static (&str, &str, &str)| {
        Check::new("loom", format!("nothing lost, no endless spin: {whose}"), move |place| {
            explore(place, package, program)
        })
    };
    PROGRAMS.iter().map(check).collect()
}

fn explore(place: &Place, package: &str, program: &str) -> Outcome {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&place.root)
        .env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS)
        // Optimized; the release profile would spend the time that it saves in linking.
        .args(["test", "--locked", "--profile", "bench", "-p", package, "--test", program])
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
