//! The C programs of `c/`, with libaionotify and with libaiocontext, and of `c/loop/`, with
//! libaiocontext: each is linked in the ways that its row names.

use std::env;
use std::process::Command;

use capi_tests::{prefix, program, succeed, Linkage, Program};

/// Runs a program; its own messages say which of its tests failed.
fn run(command: &mut Command) {
    let finished = succeed(command);
    println!("{}", finished.stdout);
    // In an emulator there are programs that can run none of theirs.
    let skips = env::var_os("AIONOTIFY_EMULATED").is_some();
    let ran = if skips { ["ok ", "skipped "].as_slice() } else { &["ok "] };
    assert!(ran.iter().any(|word| finished.stdout.contains(word)), "no test: {finished:?}");
}

/// A program with a loop of its own, which only needs the notifier.
fn notifier(name: &str) -> Program {
    Program::new(name).flags(&["-D_GNU_SOURCE"])
}

/// The same with libaiocontext: its context is one that the library has not made.
fn own_loop(name: &str) -> Program {
    notifier(name).named(&format!("own_loop_{name}")).with("aiocontext")
}

/// The same with the inline fast paths of the headers.
fn inline(program: Program, name: &str) -> Program {
    program.named(name).flags(&["-DAIONOTIFY_INLINE"])
}

/// The ways to link a program, by the names of its tests.
mod linked {
    use super::*;

    pub(crate) fn dynamic(c_program: &Program) {
        run(&mut program(&c_program.build(Linkage::Dynamic)));
    }

    pub(crate) fn r#static(c_program: &Program) {
        run(&mut program(&c_program.build(Linkage::Static)));
    }

    /// Without any shared library, as `pkg-config --static` links it.
    pub(crate) fn all_static(c_program: &Program) {
        run(&mut program(&c_program.build(Linkage::AllStatic)));
    }
}

macro_rules! c_programs {
    ($library:ident: $($name:ident: $program:expr, $($linkage:ident)+;)+) => {
        mod $library {
            use super::*;

            $(mod $name {
                use super::*;

                $(#[test]
                fn $linkage() {
                    linked::$linkage(&$program);
                })+
            })+
        }
    };
}

c_programs! {
    aionotify:
    event_notifier: notifier("event_notifier"), dynamic r#static all_static;
    faults: notifier("faults"), dynamic r#static;
    glib_loop: notifier("glib_loop").uses("glib-2.0"), dynamic r#static;
    misuse: notifier("misuse"), dynamic r#static all_static;
    notify: notifier("notify"), dynamic r#static all_static;
    notify_inline: inline(notifier("notify"), "notify_inline"), dynamic r#static;
    one_cpu: notifier("one_cpu"), dynamic r#static;
    set_handler: notifier("set_handler"), dynamic r#static all_static;
    signals: notifier("signals"), dynamic r#static;
    wakeups: notifier("wakeups"), dynamic r#static all_static;
    wakeups_inline: inline(notifier("wakeups"), "wakeups_inline"), dynamic r#static;
}

c_programs! {
    aiocontext:
    bottom_halves: Program::of_loop("bottom_halves"), dynamic r#static all_static;
    bounds: Program::of_loop("bounds"), dynamic r#static;
    clocks: Program::of_loop("clocks"), dynamic r#static;
    contexts: Program::of_loop("contexts"), dynamic r#static;
    descriptors: Program::of_loop("descriptors"), dynamic r#static;
    glib: Program::of_loop("glib"), dynamic r#static;
    handlers: Program::of_loop("handlers"), dynamic r#static all_static;
    kicked: Program::of_loop("kicked"), dynamic r#static;
    lock: Program::of_loop("lock"), dynamic r#static all_static;
    misuse: Program::of_loop("misuse"), dynamic r#static;
    own_notifier: Program::of_loop("own_notifier"), dynamic r#static;
    polling: Program::of_loop("polling"), dynamic r#static all_static;
    pool_children: Program::of_loop("pool_children"), dynamic r#static;
    pool_race: Program::of_loop("pool_race"), dynamic r#static;
    refused: Program::of_loop("refused"), dynamic r#static;
    reused: Program::of_loop("reused"), dynamic r#static;
    rfifolock: Program::of_loop("rfifolock"), dynamic r#static;
    // It counts the shared library's system calls.
    several_pollers: Program::of_loop("several_pollers").interposing(), dynamic;
    stopped_clocks: Program::of_loop("stopped_clocks"), dynamic r#static;
    system_calls: Program::of_loop("system_calls"), dynamic r#static;
    taken_wakeups: Program::of_loop("taken_wakeups"), dynamic r#static;
    thread_pool: Program::of_loop("thread_pool"), dynamic r#static;
    timers: Program::of_loop("timers"), dynamic r#static;
    timers_in_threads: Program::of_loop("timers_in_threads"), dynamic r#static;
    worker_threads: Program::of_loop("worker_threads"), dynamic r#static;
    workers: Program::of_loop("workers"), dynamic r#static;
}

c_programs! {
    own_loop:
    event_notifier: own_loop("event_notifier"), dynamic r#static;
    faults: own_loop("faults"), dynamic r#static;
    glib_loop: own_loop("glib_loop"), dynamic r#static;
    notify: own_loop("notify"), dynamic r#static;
    one_cpu: own_loop("one_cpu"), dynamic r#static;
    set_handler: own_loop("set_handler"), dynamic r#static;
    signals: own_loop("signals"), dynamic r#static;
    wakeups: own_loop("wakeups"), dynamic r#static;
    wakeups_inline: inline(own_loop("wakeups"), "own_loop_wakeups_inline"), dynamic r#static;
}

/// A program that loads the shared library at run time.
mod unload {
    use super::*;

    #[test]
    fn dynamic() {
        let built = Program::of_loop("unload").build_without();
        run(program(&built).arg(prefix().join("lib/libaiocontext.so")));
    }
}

/// A short one for each library; `make soak` has longer ones.
mod soak {
    use super::*;

    fn soak(c_program: &Program, disturbances: usize) {
        let built = c_program.build(Linkage::Dynamic);
        let finished = succeed(program(&built).arg("10"));
        println!("{}", finished.stdout);
        assert_eq!(finished.stdout.matches("ok ").count(), disturbances, "{}", finished.stdout);
    }

    #[test]
    fn aionotify() {
        soak(&notifier("soak"), 10);
    }

    #[test]
    fn aiocontext() {
        soak(&Program::of_loop("soak"), 30);
    }
}
