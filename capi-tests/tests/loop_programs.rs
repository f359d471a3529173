//! The C programs of `c/loop/`, each linked with the shared and with the static libaiocontext; and
//! those of `c/` that say nothing of libaionotify in particular.

use capi_tests::{program, succeed, Linkage, Program};

/// Builds and runs a program; its own messages say which of its tests failed.
fn run(c_program: &Program, linkage: Linkage) {
    let finished = succeed(&mut program(&c_program.build(linkage)));
    println!("{}", finished.stdout);
    assert!(finished.stdout.contains("ok "), "it ran no test: {finished:?}");
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
    contexts: Program::of_loop("contexts");
    descriptors: Program::of_loop("descriptors");
    glib: Program::of_loop("glib");
    handlers: Program::of_loop("handlers");
    lock: Program::of_loop("lock");
    misuse: Program::of_loop("misuse");
    polling: Program::of_loop("polling");
    system_calls: Program::of_loop("system_calls");
    thread_pool: Program::of_loop("thread_pool");
    rfifolock: Program::of_loop("rfifolock");
    timers: Program::of_loop("timers");
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
