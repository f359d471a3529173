//! The C programs of `c/loop/`, each linked with the shared and with the static libaiocontext; and
//! those of `c/` that say nothing of libaionotify in particular.

use std::process::Command;

use capi_tests::{prefix, program, succeed, Linkage, Program};

/// Builds and runs a program; its own messages say which of its tests failed.
fn run(c_program: &Program, linkage: Linkage) {
    check(&mut program(&c_program.build(linkage)));
}

fn check(command: &mut Command) {
    let finished = succeed(command);
    println!("{}", finished.stdout);
    // In an emulator there are programs that can run none of theirs.
    let skips = std::env::var_os("AIONOTIFY_EMULATED").is_some();
    let said = if skips { ["ok ", "skipped "].as_slice() } else { &["ok "] };
    assert!(said.iter().any(|said| finished.stdout.contains(said)), "no test: {finished:?}");
}

macro_rules! c_programs {
    ($($name:ident: $program:expr;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn dynamic() {
                run(&$program, Linkage::Dynamic);
            }

            #[test]
            fn r#static() {
                run(&$program, Linkage::Static);
            }
        })*
    };
}

c_programs! {
    bottom_halves: Program::of_loop("bottom_halves");
    bounds: Program::of_loop("bounds");
    clocks: Program::of_loop("clocks");
    contexts: Program::of_loop("contexts");
    descriptors: Program::of_loop("descriptors");
    glib: Program::of_loop("glib");
    handlers: Program::of_loop("handlers");
    kicked: Program::of_loop("kicked");
    lock: Program::of_loop("lock");
    misuse: Program::of_loop("misuse");
    own_notifier: Program::of_loop("own_notifier");
    polling: Program::of_loop("polling");
    refused: Program::of_loop("refused");
    reused: Program::of_loop("reused");
    pool_race: Program::of_loop("pool_race");
    stopped_clocks: Program::of_loop("stopped_clocks");
    system_calls: Program::of_loop("system_calls");
    taken_wakeups: Program::of_loop("taken_wakeups");
    pool_children: Program::of_loop("pool_children");
    thread_pool: Program::of_loop("thread_pool");
    worker_threads: Program::of_loop("worker_threads");
    rfifolock: Program::of_loop("rfifolock");
    timers: Program::of_loop("timers");
    timers_in_threads: Program::of_loop("timers_in_threads");
    workers: Program::of_loop("workers");
}

/// Programs that count the shared library's system calls.
mod several_pollers {
    use super::*;

    #[test]
    fn dynamic() {
        run(&Program::of_loop("several_pollers").interposing(), Linkage::Dynamic);
    }
}

/// A program that loads the shared library at run time.
mod unload {
    use super::*;

    #[test]
    fn dynamic() {
        let built = Program::of_loop("unload").build_without();
        check(program(&built).arg(prefix().join("lib/libaiocontext.so")));
    }
}

/// A program with a loop of its own: a context that the library has not made.
fn of_notifier(name: &str) -> Program {
    Program::new(name).flags(&["-D_GNU_SOURCE"]).with("aiocontext")
}

c_programs! {
    own_loop_event_notifier: of_notifier("event_notifier");
    own_loop_faults: of_notifier("faults");
    own_loop_glib: of_notifier("glib_loop");
    own_loop_notify: of_notifier("notify");
    own_loop_one_cpu: of_notifier("one_cpu");
    own_loop_set_handler: of_notifier("set_handler");
    own_loop_signals: of_notifier("signals");
    own_loop_wakeups: of_notifier("wakeups");
    own_loop_wakeups_inline:
        of_notifier("wakeups").named("wakeups_inline").flags(&["-DAIONOTIFY_INLINE"]);
}

/// A program without any shared library, as `pkg-config --static` links it.
#[test]
fn all_static() {
    for name in ["bottom_halves", "handlers", "lock", "polling"] {
        run(&Program::of_loop(name), Linkage::AllStatic);
    }
}

/// A short one; `make soak` has longer ones.
#[test]
fn soak() {
    let built = Program::of_loop("soak").build(Linkage::Dynamic);
    let finished = succeed(program(&built).arg("10"));
    println!("{}", finished.stdout);
    assert_eq!(finished.stdout.matches("ok ").count(), 30, "{}", finished.stdout);
}
