//! The machine code of the two hot functions, up to their first return: with nobody asleep one full
//! barrier and then one load, with nothing notified one load and no barrier.

use std::env;
use std::path::Path;
use std::process::Command;

use capi_tests::{abi, prefix, succeed};

/// How an architecture says it.
struct Code {
    full_barrier: fn(&str) -> bool,
    /// Any barrier or locked instruction, a full one included.
    ordered: &'static [&'static str],
    /// A member of the context that the first argument points to, by its offset.
    member: fn(usize) -> String,
}

const X86_64: Code = Code {
    full_barrier: |line| line.starts_with("lock or") || line == "mfence",
    ordered: &["lock ", "mfence", "lfence", "xchg"],
    member: |offset| format!("{offset:#x}(%rdi)"),
};

const AARCH64: Code = Code {
    full_barrier: |line| line == "dmb ish",
    ordered: &["dmb", "dsb", "ldar", "stlr", "ldax", "stlx", "ldxr", "stxr", "swp", "ldadd", "cas"],
    member: |offset| format!("[x0, #{offset}]"),
};

/// The code of the architecture that is tested; `None` where there is no table for it.
fn code() -> Option<Code> {
    match &*abi::architecture() {
        "x86_64" => Some(X86_64),
        "aarch64" => Some(AARCH64),
        _ => None,
    }
}

/// The instructions of a function in the order of their addresses, up to the first return.
fn fast_path(library: &Path, function: &str) -> Vec<String> {
    let objdump = env::var_os("OBJDUMP").unwrap_or_else(|| "objdump".into());
    let mut command = Command::new(objdump);
    command.arg("-d").arg("--no-show-raw-insn").arg(format!("--disassemble={function}"));
    let text = succeed(command.arg(library)).stdout;
    let (_, body) = text.split_once(&format!("<{function}>:\n")).expect("the function is there");
    let mut path = Vec::new();
    for line in body.lines() {
        let (_, instruction) = line.split_once(":\t").expect("an address and an instruction");
        path.push(instruction.split_whitespace().collect::<Vec<_>>().join(" "));
        if path.last().is_some_and(|last| last.starts_with("ret")) {
            return path;
        }
    }
    panic!("{function} does not return:\n{text}");
}

fn places(path: &[String], patterns: &[&str]) -> Vec<usize> {
    let has = |line: &String| patterns.iter().any(|pattern| line.contains(pattern));
    (0..path.len()).filter(|&i| has(&path[i])).collect()
}

/// What is wrong with the two functions' fast paths.
fn faults(
    notify: &[String],
    accept: &[String],
    code: &Code,
    architecture: &str,
) -> Vec<&'static str> {
    let member = |name: &str| {
        (code.member)(abi::offset(architecture, name).expect("the table has the member"))
    };
    let mut faults = Vec::new();
    let barriers: Vec<usize> =
        (0..notify.len()).filter(|&i| (code.full_barrier)(&notify[i])).collect();
    let loads = places(notify, &[&*member("notify_me")]);
    if barriers.len() != 1 || places(notify, code.ordered) != barriers {
        faults.push("aio_notify has not just one full barrier");
    }
    if loads.len() != 1 || barriers.first() > loads.first() {
        faults.push("aio_notify does not load notify_me once, behind the barrier");
    }
    if places(accept, &[&*member("notified")]).len() != 1 {
        faults.push("aio_notify_accept does not load notified once");
    }
    if !places(accept, code.ordered).is_empty() {
        faults.push("aio_notify_accept has a barrier");
    }
    faults
}

#[test]
fn barriers_are_where_the_protocol_needs_them_and_nowhere_else() {
    let Some(code) = code() else {
        println!("no table for this architecture");
        return;
    };
    let library = prefix().join("lib/libaionotify.so");
    let (notify, accept) =
        (fast_path(&library, "aio_notify"), fast_path(&library, "aio_notify_accept"));
    assert_eq!(
        faults(&notify, &accept, &code, &abi::architecture()),
        [""; 0],
        "{notify:#?}\n{accept:#?}"
    );
}

#[test]
fn a_missing_or_misplaced_barrier_is_noticed() {
    let path = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    let accept = path(&["ldrb w8, [x0, #308]", "ret"]);
    let good = path(&["dmb ish", "ldr w8, [x0, #244]", "ret"]);
    assert_eq!(faults(&good, &accept, &AARCH64, "aarch64"), [""; 0]);
    for bad in [
        path(&["ldr w8, [x0, #244]", "ret"]),
        path(&["ldr w8, [x0, #244]", "dmb ish", "ret"]),
        path(&["dmb ish", "dmb ish", "ldr w8, [x0, #244]", "ret"]),
        path(&["dmb ishld", "ldr w8, [x0, #244]", "ret"]),
    ] {
        assert_ne!(faults(&bad, &accept, &AARCH64, "aarch64"), [""; 0], "{bad:?}");
    }
    let bad = path(&["swpalb w8, w8, [x0]", "ldrb w8, [x0, #308]", "ret"]);
    assert_ne!(faults(&good, &bad, &AARCH64, "aarch64"), [""; 0]);
}
