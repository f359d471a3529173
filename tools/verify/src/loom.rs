//! The protocol's own code under loom.

use std::process::Command;

use crate::row::Row;
use crate::run::{self, Ran};
use crate::Place;

/// The tests of `tests/loom.rs`, in the words of their claims.
const TESTS: &[(&str, &str)] = &[
    ("one_notifier_and_a_loop", "one notifier, one loop"),
    ("one_notifier_and_a_gsource", "one notifier, the GSource"),
    ("a_full_event", "one notifier, one loop, the event full before"),
    ("two_notifiers_and_a_loop", "two notifiers, one loop"),
    ("two_pollers", "one notifier, two pollers"),
    ("a_loop_and_a_gsource", "one notifier, a poller and the GSource"),
];

/// Deeper than in the test suite, which has 2.
const PREEMPTIONS: &str = "3";

pub(crate) fn run(place: &Place, report: &mut dyn FnMut(Row)) {
    for (test, claim) in TESTS {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&place.root)
            .env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS)
            .args(["test", "--locked", "--release", "--test", "loom", "--"])
            .args(["--exact", "--nocapture", test]);
        let ran = run::run(&mut cargo);
        let good = ran.success && ran.text.contains("1 passed");
        report(Row {
            claim: format!("nothing lost, no endless spin: {claim}"),
            tool: "loom",
            result: if good { "holds".to_owned() } else { ran.end() },
            explored: explored(&ran),
            time: ran.time,
            good,
        });
    }
}

fn explored(ran: &Ran) -> String {
    let count = ran.word_after("interleavings explored:").unwrap_or("no");
    format!("{count} interleavings, {PREEMPTIONS} preemptions")
}
