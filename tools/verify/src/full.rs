//! C programs of `capi-tests` in their full form, which is too long for `make check`.
//!
//! A row is a command that is run in the project with `AIONOTIFY_FULL=1` in its environment. Each of
//! its faults is a row too: both libraries are built from a copy with the fault, and the same command
//! is run with them; it must fail, with the fault's words. A program is built for the prefix in
//! `AIONOTIFY_PREFIX`; the word `{prefix}` of a command is replaced by it.

use std::path::Path;
use std::process::Command;

use crate::planted::Fault;
use crate::row::{Check, Outcome};
use crate::run::{self, Ran};
use crate::Place;

/// A program in its full form.
struct Full {
    claim: &'static str,
    tool: &'static str,
    command: &'static str,
    faults: &'static [Fault],
}

const FULL: &[Full] = &[
    Full {
        claim: "nothing is lost and no loop is busy, wherever a thread is stopped or cancelled",
        tool: "ptrace",
        command: "env AIONOTIFY_STOP_ANYWHERE=full \
                  cargo test --locked -p capi-tests --test stop_anywhere",
        faults: &[],
    },
    Full {
        claim: "whatever system call fails, the loop goes on or says why",
        tool: "interposer",
        command: "env AIONOTIFY_EVERY_CALL=1 \
                  cargo test --locked -p capi-tests --test every_call_fails",
        faults: &[],
    },
    Full {
        claim: "after a fork both sides go on; every poller of a context is served",
        tool: "C programs",
        command: "cargo test --locked -p capi-tests --test loop_forks",
        faults: &[],
    },
    Full {
        claim: "no wakeup of libaionotify's later than 20 s under load, 60 s",
        tool: "soak",
        command: "scripts/soak {prefix} 60 aionotify",
        faults: &[Fault {
            what: "notify wakes nobody",
            file: "src/protocol/flag.rs",
            from: "notify_me.load(Relaxed) != 0",
            to: "notify_me.load(Relaxed) > 1 << 30",
            words: "lost wakeup",
        }],
    },
    Full {
        claim: "no wakeup of libaiocontext's later than 20 s under load and no busy loop, 60 s",
        tool: "soak",
        command: "scripts/soak {prefix} 60 aiocontext",
        faults: &[
            Fault {
                what: "a bottom half wakes nobody",
                file: "libaiocontext/async/src/bottom_half.rs",
                from: "if self.enqueue(Urgency::Now) {",
                to: "if self.enqueue(Urgency::Now) && false {",
                words: "lost wakeup",
            },
            Fault {
                what: "our loop does not empty its event",
                file: "src/protocol/coalescing.rs",
                from: "        drain_private();\n",
                to: "",
                words: "busy loop",
            },
            Fault {
                what: "the owner of the lock stays awake for as long as a thread waits",
                file: "libaiocontext/posix/src/lock_waiters.rs",
                from: "> 1 && !told",
                to: "> 1 && (!told || queue != 0)",
                words: "owner of the lock: busy loop",
            },
        ],
    },
];

/// What the rows plant.
#[cfg(test)]
pub(crate) fn faults() -> impl Iterator<Item = &'static Fault> {
    FULL.iter().flat_map(|full| full.faults)
}

pub(crate) fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    for Full { claim, tool, command, faults } in FULL {
        checks.push(Check::new(tool, *claim, |place| {
            Outcome::passed(&run(place, command, &place.prefix))
        }));
        for fault in *faults {
            checks.push(Check::new(tool, format!("planted: {}", fault.what), |place| {
                fault.plant_installed(place, |prefix| run(place, command, prefix))
            }));
        }
    }
    checks
}

fn run(place: &Place, command: &str, prefix: &Path) -> Ran {
    let mut words = command.split_whitespace();
    let mut command = Command::new(words.next().expect("a command is words"));
    for word in words {
        match word {
            "{prefix}" => command.arg(prefix),
            word => command.arg(word),
        };
    }
    command.current_dir(&place.root).env("AIONOTIFY_PREFIX", prefix).env("AIONOTIFY_FULL", "1");
    run::run(&mut command)
}
