//! The Spin models in `models/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::row::Row;
use crate::run::{self, Ran};
use crate::Place;

/// A model as it is, or with one of the faults that it has a name for.
struct Model {
    file: &'static str,
    /// `None` is the protocol as it is.
    fault: Option<&'static str>,
    /// The claim, or the fault in words.
    claim: &'static str,
    /// What the checker says when it finds the fault, and what that means.
    caught: (&'static str, &'static str),
}

const LOST: (&str, &str) = ("invalid end state", "a lost wakeup");
const FULL: (&str, &str) = ("assertion violated ( !(event)||notified)", "an endless spin");
const AWAKE: (&str, &str) = ("assertion violated (idle<=((2*2)*2))", "an endless spin");
const KEPT_AWAKE: (&str, &str) = ("assertion violated (idle<=2)", "an endless spin");
const SPIN: (&str, &str) = ("assertion violated (((stage", "a time-slice spin");
const OVERTAKEN: (&str, &str) =
    ("assertion violated 0", "the window that remains, see the protocol's comment");

const fn fault(
    file: &'static str,
    fault: &'static str,
    claim: &'static str,
    caught: (&'static str, &'static str),
) -> Model {
    Model { file, fault: Some(fault), claim, caught }
}

const MODELS: &[Model] = &[
    Model {
        file: "handshake.pml",
        fault: None,
        claim: "no wakeup is lost, with store buffers",
        caught: LOST,
    },
    fault("handshake.pml", "NO_NOTIFIER_FENCE", "no fence in aio_notify", LOST),
    fault("handshake.pml", "NO_POLLER_FENCE", "no fence in the poller", LOST),
    fault("handshake.pml", "RAISE_AFTER_LOOK", "notify_me raised after the look at the work", LOST),
    Model {
        file: "event.pml",
        fault: None,
        claim: "nothing lost, no endless spin, no time-slice spin",
        caught: LOST,
    },
    fault("event.pml", "REFERENCE_ORDER", "event first, flag second (the reference)", SPIN),
    fault("event.pml", "BEFORE_ONLY", "flag only before the write", FULL),
    fault("event.pml", "SKIP_WRITE", "no write when the flag is set already", LOST),
    fault("event.pml", "EMPTY_BEFORE_FLAG", "event emptied before the flag is taken", SPIN),
    fault("event.pml", "EMPTY_AFTER_WORK", "event emptied after the work is done", LOST),
    fault("event.pml", "RAISE_AFTER_LOOK", "notify_me raised after the look at the work", LOST),
    fault("event.pml", "OVERTAKEN_TOO", "no time-slice spin for an overtaken notifier", OVERTAKEN),
    Model {
        file: LATER,
        fault: None,
        claim: "5.2: nothing lost, no endless spin, with store buffers",
        caught: LOST,
    },
    fault(LATER, "NO_NOTIFIER_FENCE", "5.2: no fence in aio_notify", LOST),
    fault(LATER, "NO_RELEASE", "5.2: notified set before the work is there", LOST),
    fault(LATER, "NO_LOOP_FENCE", "5.2: no fence in the loop", LOST),
    fault(LATER, "NO_RECHECK", "5.2: a loop that does not look at notified", LOST),
    fault(LATER, "FLAG_WHERE_ASKED", "5.2: the 2.4 library under a 5.2 loop", LOST),
    fault(LATER, "CLEAR_BEHIND_LOOK", "5.2: notified cleared behind the look at the work", LOST),
    fault(LATER, "NO_HANDLER", "5.2: the 5.2 library under a 2.4 loop", KEPT_AWAKE),
    fault(LATER, "NO_CLEAR", "5.2: an accept that does nothing", KEPT_AWAKE),
    Model {
        file: OURS,
        fault: None,
        claim: "our own loop: one write for a burst, nothing lost, no endless spin",
        caught: LOST,
    },
    fault(OURS, "BY_FLAG", "our own loop empties the event by the flag", AWAKE),
    fault(OURS, "FLAG_FIRST", "our own loop clears the flag before it empties the event", LOST),
    fault(OURS, "NO_CLEAR", "our own loop leaves the flag set", LOST),
];

const OURS: &str = "coalescing.pml";

const LATER: &str = "generation_5_2.pml";

pub(crate) fn run(place: &Place, report: &mut dyn FnMut(Row)) {
    for model in MODELS {
        report(check(place, model));
    }
}

fn check(place: &Place, model: &Model) -> Row {
    let name = model.fault.unwrap_or("AS_IT_IS");
    let folder = place.scratch.join("spin").join(format!("{}-{name}", model.file));
    let ran = search(&place.root.join("models").join(model.file), name, &folder);
    let states = ran.word_before("states, stored").unwrap_or("no");
    let explored = format!("{states} states");
    let found = ran.text.contains("errors: ") && !ran.text.contains("errors: 0");
    let complete = ran.success
        && ran.text.contains("errors: 0")
        && !ran.text.contains("max search depth too small");
    let (good, result) = match model.fault {
        None => (complete, if complete { "holds".to_owned() } else { ran.end() }),
        Some(_) if found && ran.text.contains(model.caught.0) => {
            (true, format!("caught: {}", model.caught.1))
        }
        Some(_) => (false, format!("not caught: {}", ran.end())),
    };
    let claim = match model.fault {
        None => format!("{} ({})", model.claim, model.file),
        Some(_) => format!("planted: {}", model.claim),
    };
    Row { claim, tool: "Spin", result, explored, time: ran.time, good }
}

/// Generates, compiles and runs the model's checker.
fn search(model: &Path, name: &str, folder: &Path) -> Ran {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("the scratch folder can be written");
    let spin = run::run(
        Command::new("spin").current_dir(folder).arg("-a").arg(format!("-D{name}")).arg(model),
    );
    if !spin.success {
        return spin;
    }
    let cc = run::run(Command::new("cc").current_dir(folder).args([
        "-O2",
        "-w",
        "-DSAFETY",
        "-DCOLLAPSE",
        "-o",
        "pan",
        "pan.c",
    ]));
    if !cc.success {
        return cc;
    }
    run::run(Command::new(folder.join("pan")).current_dir(folder).arg("-m1000000"))
}
