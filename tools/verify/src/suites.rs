//! The test suites under other architectures, valgrind and the sanitizers, each with a fault that
//! the tool must notice.

use std::path::PathBuf;
use std::process::Command;

use crate::planted::Planted;
use crate::row::Row;
use crate::run::{self, Ran};
use crate::Place;

type Report<'a> = &'a mut dyn FnMut(Row);

pub(crate) fn run(place: &Place, report: Report) {
    other_architectures(place, report);
    valgrind(place, report);
    sanitizers(place, report);
    thread_sanitizer(place, report);
    model(place, report);
    soak(place, report);
}

fn other_architectures(place: &Place, report: Report) {
    let cross = |architecture| {
        let mut command = Command::new(place.root.join("scripts/cross"));
        run::run(command.env_remove("AIONOTIFY_PREFIX").arg(architecture))
    };
    let claim = "the C programs pass on aarch64, and the barriers are in the machine code";
    report(passed(claim, "qemu-user", &cross("aarch64")));
    let fence = "    C::NotifyMe::fence(SeqCst);\n    // Relaxed: the fence above";
    let no_fence = "    // Relaxed: the fence above";
    let planted = Planted::new(place, "src/protocol.rs", fence, no_fence);
    let ran = run::run(planted.command("scripts/cross").arg("aarch64"));
    let words = "barriers_are_where_the_protocol_needs_them_and_nowhere_else ... FAILED";
    report(noticed("no fence in aio_notify", "qemu-user", &ran, words));

    let claim =
        "the C programs pass on i686 (32 bits), and the layouts are those of its C compiler";
    report(passed(claim, "gcc", &cross("i686")));
    let row = "assert_layout!(\"x86\", EventNotifier: 8 / 4, rfd: 0, wfd: 4);";
    let planted =
        Planted::new(place, "src/abi/event_notifier.rs", row, &row.replace("8 /", "12 /"));
    let ran = run::run(planted.command("scripts/cross").arg("i686"));
    report(noticed("another size of EventNotifier on i686", "gcc", &ran, "size_of"));
}

/// What valgrind is run with: its messages go to files of their own, because tests read what
/// programs say on standard error.
///
/// Threads take turns fairly, or one that yields while it waits keeps the others from running. A
/// child that only tests how a process ends frees nothing.
const VALGRIND: &str = "valgrind -q --error-exitcode=9 --leak-check=full --fair-sched=yes \
                        --child-silent-after-fork=yes --errors-for-leak-kinds=definite \
                        --log-file=/dev/null";

fn valgrind(place: &Place, report: Report) {
    let ran = c_programs(place, &[("AIONOTIFY_RUNNER", VALGRIND), ("AIONOTIFY_INSTRUMENTED", "1")]);
    report(passed("no memory error and no leak in the C programs", "valgrind", &ran));
    for fault in ["leak", "overflow"] {
        let program = compile(place, &[]);
        let mut command = Command::new("valgrind");
        command.args(VALGRIND.split_whitespace().skip(1)).arg(program).arg(fault);
        report(noticed(
            &format!("{fault} in a C program"),
            "valgrind",
            &run::run(&mut command),
            "",
        ));
    }
}

fn sanitizers(place: &Place, report: Report) {
    const FLAGS: &str = "-fsanitize=address,undefined -fno-sanitize-recover=all";
    let ran =
        c_programs(place, &[("CC", "clang"), ("CFLAGS", FLAGS), ("AIONOTIFY_INSTRUMENTED", "1")]);
    let claim = "no memory error and no undefined behaviour in the C programs";
    report(passed(claim, "ASan, UBSan", &ran));
    let flags: Vec<&str> = FLAGS.split(' ').collect();
    for (fault, message) in [
        ("leak", "LeakSanitizer"),
        ("overflow", "heap-buffer-overflow"),
        ("shift", "undefined-behavior"),
    ] {
        let program = compile(place, &flags);
        let ran = run::run(Command::new(program).arg(fault));
        report(noticed(&format!("{fault} in a C program"), "ASan, UBSan", &ran, message));
    }
}

fn thread_sanitizer(place: &Place, report: Report) {
    let stress = |planted: &Planted| {
        let mut cargo = planted.command("cargo");
        // The sanitizers are no stable part of Rust: RUSTC_BOOTSTRAP lets a stable compiler use
        // them, and the second flag link with a standard library that is not instrumented.
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")
            .args(["test", "--offline", "--target", &format!("{}-unknown-linux-gnu", ARCH)])
            .args(["--target-dir", "target/thread-sanitizer", "--test", "stress", "--", "5000"]);
        run::run(&mut cargo)
    };
    let ran = stress(&Planted::unchanged(place));
    report(passed("no data race under stress", "ThreadSanitizer", &ran));
    let store = "            AtomicBool::store(self, value, order);";
    let plain = "            let _ = order;\n            unsafe { *self.as_ptr() = value };";
    let ran = stress(&Planted::new(place, "src/protocol.rs", store, plain));
    let words = "ThreadSanitizer: data race";
    report(noticed("notified stored without an atomic", "ThreadSanitizer", &ran, words));
}

/// The architecture that this tool was compiled for.
const ARCH: &str = std::env::consts::ARCH;

fn model(place: &Place, report: Report) {
    let test = ["-p", "capi-tests", "--test", "model"];
    let ran = tests(place, &test, &[("PROPTEST_CASES", "20000")]);
    report(passed("random calls return what a model says", "proptest", &ran));
    let (taken, never) = ("swap(false, Acquire) {", "swap(false, Acquire) && GSOURCE == 0 {");
    let planted = Planted::new(place, "src/protocol.rs", taken, never);
    let ran = run::run(planted.command("cargo").args(["test", "--offline"]).args(test));
    let words = "minimal failing input";
    report(noticed("accept leaves the event full", "proptest", &ran, words));
}

fn soak(place: &Place, report: Report) {
    let soak = |mut make: Command, seconds: &str| {
        run::run(make.arg("soak").arg(format!("SECONDS={seconds}")))
    };
    let mut make = Command::new("make");
    make.current_dir(&place.root);
    report(passed("no wakeup later than 20 s under load, 60 s", "soak", &soak(make, "60")));
    let (wakes, sleeps) = ("notify_me().load(Relaxed) != 0", "notify_me().load(Relaxed) > 1 << 30");
    let planted = Planted::new(place, "src/protocol.rs", wakes, sleeps);
    let ran = soak(planted.command("make"), "10");
    report(noticed("notify wakes nobody", "soak", &ran, "errno is"));
}

/// The C programs of both libraries, with an environment.
fn c_programs(place: &Place, variables: &[(&str, &str)]) -> Ran {
    let programs = ["-p", "capi-tests", "--test", "programs", "--test", "loop_programs"];
    tests(place, &[programs.as_slice(), &["::dynamic"]].concat(), variables)
}

fn tests(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&place.root).args(["test", "--locked"]).args(arguments);
    run::run(cargo.envs(variables.iter().copied()))
}

/// The program with the planted faults.
fn compile(place: &Place, flags: &[&str]) -> PathBuf {
    let program = place.scratch.join("faults");
    let source = place.root.join("tools/verify/planted.c");
    let compiler = if flags.is_empty() { "cc" } else { "clang" };
    let ran =
        run::run(Command::new(compiler).args(flags).arg("-g").arg(source).arg("-o").arg(&program));
    assert!(ran.success, "{}", ran.text);
    program
}

/// A row for a suite that must pass.
fn passed(claim: &str, tool: &'static str, ran: &Ran) -> Row {
    let good = ran.success;
    Row {
        claim: claim.to_owned(),
        tool,
        result: if good { "holds".to_owned() } else { ran.end() },
        explored: match ran.text.matches(" ... ok").count() {
            0 | 1 => "one run".to_owned(),
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
        claim: format!("planted: {fault}"),
        tool,
        result: if good { "caught".to_owned() } else { format!("not caught: {}", ran.end()) },
        explored: "one run".to_owned(),
        time: ran.time,
        good,
    }
}
