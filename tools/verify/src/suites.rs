//! The test suites under other architectures, valgrind and the sanitizers, each with a fault that
//! the tool must notice.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::planted::{Fault, Planted};
use crate::row::{Check, Outcome};
use crate::run::{self, Ran};
use crate::Place;

/// What the rows plant.
#[cfg(test)]
pub(crate) fn faults() -> impl Iterator<Item = &'static Fault> {
    [&NO_FENCE, &ANOTHER_SIZE, &PLAIN_STORE, &FULL_EVENT].into_iter()
}

pub(crate) fn checks() -> Vec<Check> {
    [other_architectures(), valgrind(), sanitizers(), thread_sanitizer(), model()]
        .into_iter()
        .flatten()
        .collect()
}

/// A row for a planted fault, checked by a command in the copy.
fn planted(
    tool: &'static str,
    fault: &'static Fault,
    check: impl Fn(&Place, &Planted) -> Ran + Sync + 'static,
) -> Check {
    Check::new(tool, format!("planted: {}", fault.what), move |place| {
        fault.plant(place, |copy| check(place, copy))
    })
}

const NO_FENCE: Fault = Fault {
    what: "no fence in aio_notify",
    file: "src/protocol/flag.rs",
    from: "    fence(SeqCst);\n    // Relaxed: the fence above",
    to: "    // Relaxed: the fence above",
    words: "barriers_are_where_the_protocol_needs_them_and_nowhere_else ... FAILED",
};

const ANOTHER_SIZE: Fault = Fault {
    what: "another size of EventNotifier on i686",
    file: "src/abi/layout/x86",
    from: "EventNotifier 8/4",
    to: "EventNotifier 12/4",
    words: "size_of",
};

/// The list that `scripts/cross` reads.
const ARCHITECTURES: &str = include_str!("../../../abi/architectures");

fn other_architectures() -> Vec<Check> {
    let cross = |place: &Place, architecture: &str| {
        let mut command = Command::new(place.root.join("scripts/cross"));
        Outcome::passed(&run::run(command.env_remove("AIONOTIFY_PREFIX").arg(architecture)))
    };
    let packages = |place: &Place| place.root.join("target/cross-i686/packages");
    let rows = ARCHITECTURES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let architecture = line.split(' ').next().expect("a line has words");
        let tool = if line.ends_with(" -") { "gcc" } else { "qemu-user" };
        let claim = format!(
            "the C programs pass on {architecture}, with the layout of its C compiler, and the barriers \
             in the machine code where its are known"
        );
        Check::new(tool, claim, move |place| cross(place, architecture))
    });
    let planted = [
        planted("qemu-user", &NO_FENCE, |_, copy| {
            run::run(copy.command("scripts/cross").args(["aarch64", "--test", "barrier"]))
        }),
        planted("gcc", &ANOTHER_SIZE, move |place, copy| {
            let mut cross = copy.command("scripts/cross");
            // Unpacked once.
            cross.env("CROSS_PACKAGES", packages(place));
            run::run(cross.args(["i686", "--test", "layout"]))
        }),
    ];
    rows.chain(planted).collect()
}

/// What valgrind is run with: its messages go to files of their own, because tests read what
/// programs say on standard error.
///
/// Threads take turns fairly, or one that yields while it waits keeps the others from running. A
/// child that only tests how a process ends frees nothing.
const VALGRIND: &str = "valgrind -q --error-exitcode=9 --leak-check=full --fair-sched=yes \
                        --child-silent-after-fork=yes --errors-for-leak-kinds=definite \
                        --log-file=/dev/null";

fn valgrind() -> Vec<Check> {
    let suite = Check::new("valgrind", "no memory error and no leak in the C programs", |place| {
        let variables = [("AIONOTIFY_RUNNER", VALGRIND), ("AIONOTIFY_INSTRUMENTED", "1")];
        Outcome::passed(&c_programs(place, &variables))
    });
    let fault = |fault: &'static str| {
        Check::new("valgrind", format!("planted: {fault} in a C program"), move |place| {
            let program = compile(place, "cc", &[]);
            let mut command = Command::new("valgrind");
            command.args(VALGRIND.split_whitespace().skip(1)).arg(program).arg(fault);
            Outcome::noticed(&run::run(&mut command), "")
        })
    };
    vec![suite, fault("leak"), fault("overflow")]
}

const SANITIZERS: &str = "-fsanitize=address,undefined -fno-sanitize-recover=all";

fn sanitizers() -> Vec<Check> {
    let tool = "ASan, UBSan";
    let claim = "no memory error and no undefined behaviour in the C programs";
    let suite = Check::new(tool, claim, |place| {
        let variables = [
            ("CC", "clang"),
            ("CFLAGS", SANITIZERS),
            ("AIONOTIFY_INSTRUMENTED", "1"),
            ("AIONOTIFY_HEAP_NOT_FORK_SAFE", "1"),
        ];
        Outcome::passed(&c_programs(place, &variables))
    });
    let fault = |fault: &'static str, message: &'static str| {
        Check::new(tool, format!("planted: {fault} in a C program"), move |place| {
            let flags: Vec<&str> = SANITIZERS.split(' ').collect();
            let program = compile(place, "clang", &flags);
            Outcome::noticed(&run::run(Command::new(program).arg(fault)), message)
        })
    };
    vec![
        suite,
        fault("leak", "LeakSanitizer"),
        fault("overflow", "heap-buffer-overflow"),
        fault("shift", "undefined-behavior"),
    ]
}

const PLAIN_STORE: Fault = Fault {
    what: "notified stored without an atomic",
    file: "src/protocol/flag.rs",
    from: "    notified.store(true, Relaxed);",
    to: "    unsafe { *notified.as_ptr() = true };",
    words: "ThreadSanitizer: data race",
};

fn thread_sanitizer() -> Vec<Check> {
    let stress = |copy: &Planted| {
        let mut cargo = copy.command("cargo");
        // The sanitizers are no stable part of Rust: RUSTC_BOOTSTRAP lets a stable compiler use
        // them, and the second flag link with a standard library that is not instrumented.
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")
            .args(["test", "--offline", "--target", &format!("{ARCH}-unknown-linux-gnu")])
            .args(["--target-dir", "target/thread-sanitizer", "--test", "stress", "--", "5000"]);
        run::run(&mut cargo)
    };
    vec![
        Check::new("ThreadSanitizer", "no data race under stress", move |place| {
            Outcome::passed(&stress(&Planted::unchanged(place)))
        }),
        planted("ThreadSanitizer", &PLAIN_STORE, move |_, copy| stress(copy)),
    ]
}

const FULL_EVENT: Fault = Fault {
    what: "accept leaves the event full",
    file: "src/protocol/flag.rs",
    from: "swap(false, Acquire) {",
    to: "swap(false, Acquire) && GSOURCE == 0 {",
    words: "minimal failing input",
};

fn model() -> Vec<Check> {
    const TEST: [&str; 4] = ["-p", "capi-tests", "--test", "model"];
    vec![
        Check::new("proptest", "random calls return what a model says", |place| {
            Outcome::passed(&tests(place, &TEST, &[("PROPTEST_CASES", "20000")]))
        }),
        planted("proptest", &FULL_EVENT, |_, copy| {
            run::run(copy.command("cargo").args(["test", "--offline"]).args(TEST))
        }),
    ]
}

/// The C programs of both libraries, with an environment.
fn c_programs(place: &Place, variables: &[(&str, &str)]) -> Ran {
    let programs = ["-p", "capi-tests", "--test", "programs"];
    tests(place, &[programs.as_slice(), &["::dynamic"]].concat(), variables)
}

fn tests(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&place.root).args(["test", "--locked", "--no-fail-fast"]).args(arguments);
    run::run(cargo.envs(variables.iter().copied()))
}

/// The program with the planted faults.
fn compile(place: &Place, compiler: &str, flags: &[&str]) -> PathBuf {
    let program = place.scratch.join("faults");
    let source = place.root.join(Path::new("tools/verify/planted.c"));
    let ran =
        run::run(Command::new(compiler).args(flags).arg("-g").arg(source).arg("-o").arg(&program));
    assert!(ran.success, "{}", ran.text);
    program
}
