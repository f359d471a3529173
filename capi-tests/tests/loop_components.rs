//! Programs that define a component of libaiocontext themselves keep it, and the library calls it;
//! and programs with and without what the library takes from them.

use std::collections::BTreeSet;

use capi_tests::{abi, program, read, root, succeed, Finished, Linkage, Program};

/// The components, by their file in `c/loop/own`, with symbols that are each one's.
const COMPONENTS: &[(&str, &[&str])] = &[
    ("aiocb", &["qemu_aio_"]),
    ("async", &["aio_notify", "aio_context_", "aio_bh_", "qemu_bh_", "aio_compute", "aio_get_"]),
    ("event_notifier", &["event_notifier_"]),
    ("posix", &["aio_prepare", "aio_pending", "aio_dispatch", "aio_poll", "aio_set_"]),
    ("rfifolock", &["rfifolock_"]),
    ("thread_pool", &["thread_pool_"]),
    (
        "timer",
        &["timer", "qemu_clock_", "init_clocks", "main_loop_tlg", "qemu_timeout_", "qemu_poll_"],
    ),
];

fn run(component: &str, linkage: Linkage) -> Finished {
    let program_file = Program::of_loop("replaced").owning(component).build(linkage);
    let finished = succeed(&mut program(&program_file));
    println!("{}", finished.stdout);
    finished
}

/// The library's own components.
#[test]
fn nothing_is_replaced() {
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        run("nothing", linkage);
    }
}

macro_rules! replaced {
    ($($component:ident)*) => {
        $(#[test]
        fn $component() {
            for linkage in [Linkage::Dynamic, Linkage::Static] {
                // It names the functions that the library has called.
                let finished = run(stringify!($component).trim_start_matches("r#"), linkage);
                assert!(finished.stdout.contains(": "), "{finished:?}");
            }
        })*
    };
}

replaced! { aiocb r#async event_notifier posix rfifolock thread_pool timer }

/// Each symbol of the library is in the program's component, so that a static link cannot need the
/// library's as well.
#[test]
fn each_component_is_replaced_as_a_whole() {
    let mut replaced = BTreeSet::new();
    for (component, prefixes) in COMPONENTS {
        let own = root().join("capi-tests/c/loop/own").join(format!("{component}.c"));
        let text = read(&own);
        let symbols = abi::symbols("aiocontext");
        for symbol in symbols.iter().filter(|s| prefixes.iter().any(|p| s.starts_with(p))) {
            let defined = text.lines().any(|line| {
                !line.starts_with([' ', '#'])
                    && (line.contains(&format!("{symbol}("))
                        || line.ends_with(&format!(" {symbol};")))
            });
            assert!(defined, "{component} has no {symbol}");
            assert!(replaced.insert(symbol.clone()), "{symbol} is of two components");
        }
    }
    assert_eq!(replaced, abi::symbols("aiocontext"));
}

#[test]
fn with_what_the_program_may_have() {
    let c_program = Program::of_loop("weak_imports").flags(&["-DOF_THE_PROGRAM"]);
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        succeed(&mut program(&c_program.clone().named("weak_imports-with").build(linkage)));
    }
}

#[test]
fn without_what_the_program_may_have() {
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        succeed(&mut program(&Program::of_loop("weak_imports").build(linkage)));
    }
}
