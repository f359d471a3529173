//! The Spin models in `models/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::row::{Check, Outcome};
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
const WOKEN: (&str, &str) = ("assertion violated  !(lost)", "a lost wakeup");
const FOREIGN_WOKEN: (&str, &str) =
    ("assertion violated  !(foreign_lost)", "a foreign loop's lost wakeup");
const VAIN: (&str, &str) = ("assertion violated (vain<=1)", "an endless spin");
const LEFT_READABLE: (&str, &str) = ("assertion violated  !(P)", "an endless spin");
const LEFT_FULL: (&str, &str) = ("assertion violated  !(left_full)", "an endless spin");
const GIVEN_UP: (&str, &str) =
    ("assertion violated (given_up<=1)", "more than one sleep given up for a waiter");
const LEFT_BEHIND: (&str, &str) =
    ("assertion violated  !(left_behind)", "a sleeper on a set that has been replaced");
const DEAF: (&str, &str) = ("assertion violated  !(deaf)", "a sleeper on a set without the event");
const STRAYED: (&str, &str) = ("assertion violated  !(strayed)", "a write of the parent's event");
const TAKEN: (&str, &str) =
    ("assertion violated watched", "a handler removed from the parent's set");
const STUCK: (&str, &str) = ("assertion violated  !(stuck)", "no write is shared any more");
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
        file: X86,
        fault: None,
        claim: "5.2 on x86: an exchange is barrier enough",
        caught: LOST,
    },
    fault(X86, "PLAIN_NOTIFY", "5.2 on x86: a store in aio_notify", LOST),
    fault(X86, "PLAIN_ACCEPT", "5.2 on x86: a store in aio_notify_accept", LOST),
    fault(X86, "EXCHANGE_FIRST", "5.2 on x86: the exchange before the work", LOST),
    fault(X86, "NO_LOOP_FENCE", "5.2 on x86: no fence in the loop", LOST),
    fault(X86, "NO_RECHECK", "5.2 on x86: a loop that does not look at notified", LOST),
    fault(X86, "NO_CLEAR", "5.2 on x86: an accept that does nothing", KEPT_AWAKE),
    Model {
        file: OURS,
        fault: None,
        claim: "our own loop: nothing lost, nobody spins, beside a foreign loop",
        caught: WOKEN,
    },
    fault(OURS, "FULL_FIRST", "our own loop: a write is shared before it is complete", WOKEN),
    fault(OURS, "NO_EPOCH", "our own loop: FULL marks an event that has been emptied", WOKEN),
    fault(OURS, "NO_CONS", "our own loop: FULL is set while the event is emptied", WOKEN),
    fault(OURS, "READ_FIRST", "our own loop: the event is emptied before FULL is cleared", WOKEN),
    fault(OURS, "LOAD_LATE", "our own loop: st is loaded after the write", WOKEN),
    fault(OURS, "LOOK_FIRST", "our own loop: a leaving poller looks before it consumes", WOKEN),
    fault(OURS, "NO_F1", "our own loop: no fence in notify", FOREIGN_WOKEN),
    fault(OURS, "NO_F2", "our own loop: no fence behind the raise", WOKEN),
    fault(OURS, "NO_F3", "our own loop: no fence in consume", WOKEN),
    fault(OURS, "NO_VERSION", "our own loop: no version in own", FOREIGN_WOKEN),
    fault(OURS, "RAISE_OWN_FIRST", "our own loop: own raised before notify_me", FOREIGN_WOKEN),
    fault(OURS, "LOWER_NOTIFY_ME_FIRST", "our own loop: own lowered last", FOREIGN_WOKEN),
    fault(OURS, "COUNTED_FIRST", "our own loop: work counted before it is pushed", VAIN),
    fault(OURS, "READ_IF_FULL", "our own loop: the event is emptied by FULL alone", LEFT_READABLE),
    Model {
        file: ACCEPT,
        fault: None,
        claim: "foreign loops: nothing lost, nobody spins, the event is not left full",
        caught: WOKEN,
    },
    fault(ACCEPT, "BY_FLAG", "foreign loops: accept trusts notified alone", VAIN),
    fault(ACCEPT, "COUNTED_SHORT", "foreign loops: busy lowered before notified is set", VAIN),
    fault(ACCEPT, "ACCEPT_UNCOUNTED", "foreign loops: an accept is not counted in busy", VAIN),
    fault(ACCEPT, "FLAG_FIRST", "foreign loops: notified set only before the write", LEFT_FULL),
    fault(ACCEPT, "READS_FIRST", "foreign loops: accept reads, then clears notified", LEFT_FULL),
    fault(ACCEPT, "SHARED", "foreign loops: no write where notified is set", WOKEN),
    Model {
        file: WAITERS,
        fault: None,
        claim: "the lock: a waiter wakes the owner of a nested poll, once",
        caught: WOKEN,
    },
    fault(WAITERS, "KICK_BY_P", "the lock: a waiter fills the event that others empty", WOKEN),
    fault(WAITERS, "NO_FENCE", "the lock: no fence between nested and the look", WOKEN),
    fault(WAITERS, "KICK_FIRST", "the lock: the ticket is taken after the kick", WOKEN),
    fault(WAITERS, "TAIL_ONLY", "the lock: what one owner was told counts for the next", WOKEN),
    fault(WAITERS, "LOOK_FIRST", "the lock: the owner looks, then empties its event", WOKEN),
    fault(WAITERS, "TOLD_AWAKE", "the lock: told by a poll that would not have slept", WOKEN),
    fault(WAITERS, "NEVER_SLEEP", "the lock: no sleep while somebody waits", GIVEN_UP),
    fault(WAITERS, "NO_LOOK", "the lock: each kick ends a poll", GIVEN_UP),
    Model {
        file: RENEW,
        fault: None,
        claim: "renewing a set: nobody is left on the old one, nobody spins",
        caught: LEFT_BEHIND,
    },
    fault(RENEW, "NO_WAKE", "renewing a set: who sleeps on it is not woken", LEFT_BEHIND),
    fault(RENEW, "WAKE_BY_P", "renewing a set: woken by an event that others empty", LEFT_BEHIND),
    fault(RENEW, "NO_KICK", "renewing a set: the nested poll is not woken", LEFT_BEHIND),
    fault(RENEW, "NO_GLIB", "renewing a set: GLib is not woken", LEFT_BEHIND),
    fault(RENEW, "KICK_FIRST", "renewing a set: polls are woken before", LEFT_BEHIND),
    fault(RENEW, "NO_FENCE", "renewing a set: no fence behind nested", LEFT_BEHIND),
    fault(RENEW, "P_LATE", "renewing a set: it has its number before it has the event", DEAF),
    fault(RENEW, "WAKE_FIRST", "renewing a set: who sleeps on it is woken before", VAIN),
    Model {
        file: HAND_OVER,
        fault: None,
        claim: "a poller that takes a wakeup and stops: others are woken for what it leaves",
        caught: WOKEN,
    },
    fault(HAND_OVER, "NO_SOON", "a poller that takes a wakeup sets no timer", WOKEN),
    fault(HAND_OVER, "EMPTIED", "a poller that is woken by the timer empties it", WOKEN),
    fault(
        HAND_OVER,
        "NO_CHECK",
        "a poller that leaves sets the timer although another relies on it",
        WOKEN,
    ),
    fault(HAND_OVER, "NOT_SAID", "a poller that relies on the timer does not announce it", WOKEN),
    fault(HAND_OVER, "LATE_MARK", "a poller that leaves marks the timer after its look", WOKEN),
    fault(HAND_OVER, "COMPUTED_FIRST", "a poller that leaves computes what is left first", WOKEN),
    fault(HAND_OVER, "RAISED_LATE", "a poller computes its timeout before it raises", WOKEN),
    fault(
        HAND_OVER,
        "UNANSWERED",
        "a poller sets the timer and does not look who wanted it",
        WOKEN,
    ),
    Model {
        file: FORK,
        fault: None,
        claim: "fork: parent and child lose nothing, and the child changes nothing of the parent's",
        caught: WOKEN,
    },
    fault(FORK, "READ_FIRST", "fork: the child reads the event before it renews", WOKEN),
    fault(FORK, "SET_LATE", "fork: the child sleeps on the parent's set", WOKEN),
    fault(FORK, "KEEP_FULL", "fork: FULL stays in the child", WOKEN),
    fault(FORK, "KEEP_EPOCH", "fork: the epoch stays in the child", WOKEN),
    fault(FORK, "NOTIFY_FIRST", "fork: the child notifies before it renews", STRAYED),
    fault(FORK, "OWNED_FIRST", "fork: the child says so first, then renews", STRAYED),
    fault(FORK, "REMOVE_FIRST", "fork: the child removes a handler before it renews", TAKEN),
    fault(FORK, "KEEP_CONS", "fork: the parent's consumers stay in the child", STUCK),
];

const LATER: &str = "generation_5_2.pml";
const X86: &str = "x86_5_2.pml";
const OURS: &str = "own_loop.pml";
const ACCEPT: &str = "accept.pml";
const WAITERS: &str = "lock_waiters.pml";
const RENEW: &str = "renew.pml";
const HAND_OVER: &str = "hand_over.pml";
const FORK: &str = "fork_renewal.pml";

/// The models whose faults take a depth-first search too long.
const BREADTH_FIRST: &[&str] = &[OURS, ACCEPT, WAITERS, RENEW, HAND_OVER, FORK];

pub(crate) fn checks() -> Vec<Check> {
    let check = |model: &'static Model| {
        let planted = if model.fault.is_some() { "planted: " } else { "" };
        let claim = format!("{planted}{} ({})", model.claim, model.file);
        Check::new("Spin", claim, move |place| check(place, model))
    };
    MODELS.iter().map(check).collect()
}

/// The planted faults, each with its model's file.
pub(crate) fn faults() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODELS.iter().filter_map(|model| Some((model.file, model.fault?)))
}

fn check(place: &Place, model: &Model) -> Outcome {
    let name = model.fault.unwrap_or("AS_IT_IS");
    let folder = place.scratch.join("spin").join(format!("{}-{name}", model.file));
    // Breadth first for the shortest counterexample.
    let order = match model.fault {
        Some(_) if BREADTH_FIRST.contains(&model.file) => "-DBFS",
        _ => "-DDFS",
    };
    let ran = search(&place.root.join("models").join(model.file), name, order, &folder);
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
    Outcome { good, result, explored }
}

/// Generates, compiles and runs the model's checker.
fn search(model: &Path, name: &str, order: &str, folder: &Path) -> Ran {
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
        order,
        "-o",
        "pan",
        "pan.c",
    ]));
    if !cc.success {
        return cc;
    }
    run::run(Command::new(folder.join("pan")).current_dir(folder).arg("-m10000000"))
}
