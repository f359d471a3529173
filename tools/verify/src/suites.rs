//! The test suites under other architectures, valgrind and the sanitizers, each with a fault that
//! the tool must notice.

use std::path::PathBuf;
use std::process::Command;

use crate::row::Row;
use crate::run::{self, Ran};
use crate::Place;

/// What valgrind is run with: its messages go to files of their own, because tests read what
/// programs say on standard error.
const VALGRIND: &str = "valgrind -q --error-exitcode=9 --leak-check=full \
                        --errors-for-leak-kinds=definite --log-file=/dev/null";

pub(crate) fn run(place: &Place, report: &mut dyn FnMut(Row)) {
    let ran = run::run(Command::new(place.root.join("scripts/cross")).arg("aarch64"));
    let claim = "the C programs pass on aarch64, and the barriers are in the machine code";
    report(passed(claim.to_owned(), "qemu-user", &ran));

    let ran = c_programs(place, &[("AIONOTIFY_RUNNER", VALGRIND), ("AIONOTIFY_INSTRUMENTED", "1")]);
    report(passed("no memory error and no leak in the C programs".to_owned(), "valgrind", &ran));
    for fault in ["leak", "overflow"] {
        let program = compile(place, &[]);
        let mut command = Command::new("valgrind");
        command.args(VALGRIND.split_whitespace().skip(1)).arg(program).arg(fault);
        report(noticed(fault, "valgrind", &run::run(&mut command), ""));
    }

    const FLAGS: &str = "-fsanitize=address,undefined -fno-sanitize-recover=all";
    let ran =
        c_programs(place, &[("CC", "clang"), ("CFLAGS", FLAGS), ("AIONOTIFY_INSTRUMENTED", "1")]);
    let claim = "no memory error and no undefined behaviour in the C programs".to_owned();
    report(passed(claim, "ASan, UBSan", &ran));
    let flags: Vec<&str> = FLAGS.split(' ').collect();
    for (fault, message) in [
        ("leak", "LeakSanitizer"),
        ("overflow", "heap-buffer-overflow"),
        ("shift", "undefined-behavior"),
    ] {
        let program = compile(place, &flags);
        let ran = run::run(Command::new(program).arg(fault));
        report(noticed(fault, "ASan, UBSan", &ran, message));
    }

    let ran =
        tests(place, &["-p", "capi-tests", "--test", "model"], &[("PROPTEST_CASES", "20000")]);
    report(passed("random calls return what a model says".to_owned(), "proptest", &ran));
    let mut soak = Command::new("make");
    soak.current_dir(&place.root).args(["soak", "SECONDS=60"]);
    report(passed(
        "no wakeup later than 20 s under load, 60 s".to_owned(),
        "soak",
        &run::run(&mut soak),
    ));
}

/// The C programs, with an environment.
fn c_programs(place: &Place, variables: &[(&str, &str)]) -> Ran {
    tests(place, &["-p", "capi-tests", "--test", "programs", "::dynamic"], variables)
}

fn tests(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&place.root).args(["test", "--locked"]).args(arguments);
    run::run(cargo.envs(variables.iter().copied()))
}

/// The program with the planted faults.
fn compile(place: &Place, flags: &[&str]) -> PathBuf {
    let program = place.scratch.join("planted");
    let source = place.root.join("tools/verify/planted.c");
    let compiler = if flags.is_empty() { "cc" } else { "clang" };
    let ran =
        run::run(Command::new(compiler).args(flags).arg("-g").arg(source).arg("-o").arg(&program));
    assert!(ran.success, "{}", ran.text);
    program
}

/// A row for a suite that must pass.
fn passed(claim: String, tool: &'static str, ran: &Ran) -> Row {
    let good = ran.success;
    Row {
        claim,
        tool,
        result: if good { "holds".to_owned() } else { ran.end() },
        explored: match ran.text.matches(" ... ok").count() {
            0 => "one run".to_owned(),
            count => format!("{count} tests"),
        },
        time: ran.time,
        good,
    }
}

/// A row for a planted fault, which must be noticed with these words.
fn noticed(fault: &str, tool: &'static str, ran: &Ran, words: &str) -> Row {
    let good = !ran.success && ran.text.contains(words);
    Row {
        claim: format!("planted: {fault} in a C program"),
        tool,
        result: if good { "caught".to_owned() } else { format!("not caught: {}", ran.end()) },
        explored: "one run".to_owned(),
        time: ran.time,
        good,
    }
}
