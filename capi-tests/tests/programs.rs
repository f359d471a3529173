//! The C programs of `c/`, each linked with the shared and with the static library.

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
                run(&$program.flags(&["-D_GNU_SOURCE"]), Linkage::Dynamic);
            }

            #[test]
            fn r#static() {
                run(&$program.flags(&["-D_GNU_SOURCE"]), Linkage::Static);
            }
        })*
    };
}

c_programs! {
    event_notifier: Program::new("event_notifier");
    faults: Program::new("faults");
    glib_loop: Program::new("glib_loop").uses("glib-2.0");
    misuse: Program::new("misuse");
    notify: Program::new("notify");
    one_cpu: Program::new("one_cpu");
    set_handler: Program::new("set_handler");
    signals: Program::new("signals");
    wakeups: Program::new("wakeups");
    notify_inline: Program::new("notify").named("notify_inline").flags(&["-DAIONOTIFY_INLINE"]);
    wakeups_inline: Program::new("wakeups").named("wakeups_inline").flags(&["-DAIONOTIFY_INLINE"]);
}

/// A program without any shared library, as `pkg-config --static` links it.
#[test]
fn all_static() {
    for name in ["event_notifier", "misuse", "notify", "set_handler", "wakeups"] {
        run(&Program::new(name).flags(&["-D_GNU_SOURCE"]), Linkage::AllStatic);
    }
}

/// A short one; `make soak` has longer ones.
#[test]
fn soak() {
    let built = Program::new("soak").flags(&["-D_GNU_SOURCE"]).build(Linkage::Dynamic);
    let finished = succeed(program(&built).arg("10"));
    println!("{}", finished.stdout);
    assert_eq!(finished.stdout.matches("ok ").count(), 10, "{}", finished.stdout);
}
