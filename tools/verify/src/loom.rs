//! The protocols' own code under loom.

use std::process::Command;

use crate::row::Row;
use crate::run::{self, Ran};
use crate::Place;

/// The test programs, their tests, and what these claim.
const TESTS: &[(&str, &str, &str)] = &[
    ("loom", "one_notifier_and_a_loop", "one notifier, one loop"),
    ("loom", "one_notifier_and_a_gsource", "one notifier, the GSource"),
    ("loom", "a_full_event", "one notifier, one loop, the event full before"),
    ("loom", "two_notifiers_and_a_loop", "two notifiers, one loop"),
    ("loom", "two_pollers", "one notifier, two pollers"),
    ("loom", "a_loop_and_a_gsource", "one notifier, a poller and the GSource"),
    ("loom_5_2", "one_notifier_and_a_loop", "5.2, one notifier, one loop"),
    ("loom_5_2", "one_notifier_and_a_gsource", "5.2, one notifier, the GSource"),
    ("loom_5_2", "a_full_event", "5.2, one notifier, one loop, the event full before"),
    ("loom_5_2", "two_notifiers_and_a_loop", "5.2, two notifiers, one loop"),
    ("loom_5_2", "one_accept_for_two_notifiers", "5.2, two notifiers, one accept"),
    ("loom_5_2", "accept_is_a_full_barrier", "5.2, accept is a full barrier"),
    (OUR_LOOP, "one_notifier_and_a_loop", "our own loop, one notifier"),
    (OUR_LOOP, "two_notifiers_and_a_loop", "our own loop, two notifiers"),
    (OUR_LOOP, "two_pollers", "our own loop, one notifier, two pollers"),
    (OUR_LOOP, "one_notifier_and_a_foreign_loop", "our library, a program's own loop"),
    (OUR_LOOP, "two_notifiers_and_a_foreign_loop", "the same, two notifiers"),
];

/// The test program of libaiocontext's protocol, which is also called `loom`.
const OUR_LOOP: &str = "loom of aiocontext-wake";

/// Deeper than in the test suite, which has 2.
const PREEMPTIONS: &str = "3";

pub(crate) fn run(place: &Place, report: &mut dyn FnMut(Row)) {
    for (program, test, claim) in TESTS {
        let (program, package) = program.split_once(" of ").unwrap_or((program, "aio-notify"));
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&place.root)
            .env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS)
            .args(["test", "--locked", "--release", "-p", package, "--test", program, "--"])
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
