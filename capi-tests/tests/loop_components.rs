//! Programs that define a component of libaiocontext themselves keep it, and the library calls it;
//! and programs with and without what the library takes from them.

use std::collections::BTreeSet;

use capi_tests::{abi, program, read, root, succeed, Finished, Linkage, Program};

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

        const REPLACED: &[&str] = &[$(stringify!($component)),*];
    };
}

replaced! { aiocb r#async event_notifier posix rfifolock thread_pool timer }

/// The component that no program replaces: what the library says of itself.
const ITS_OWN: &str = "layout";

/// Each symbol of a component is in the program's, so that a static link cannot need the library's as
/// well.
#[test]
fn each_component_is_replaced_as_a_whole() {
    let exports = abi::exports("aiocontext");
    for export in exports.into_iter().filter(|export| export.component != ITS_OWN) {
        let component = export.component.replace('-', "_");
        let own = root().join("capi-tests/c/loop/own").join(format!("{component}.c"));
        let (text, symbol) = (read(&own), export.name);
        let defined = text.lines().any(|line| {
            !line.starts_with([' ', '#'])
                && (line.contains(&format!("{symbol}(")) || line.ends_with(&format!(" {symbol};")))
        });
        assert!(defined, "{component} has no {symbol}");
    }
}

/// The list of components is the one that the library is made of, that is tested above, and that
/// docs/LOOP.md has.
#[test]
fn all_components_are_listed() {
    let components = abi::components("aiocontext");
    let names: BTreeSet<String> = components.iter().map(|c| c.name.clone()).collect();
    let manifest = read(&root().join("libaiocontext/Cargo.toml"));
    let linked = manifest.lines().filter_map(|line| line.strip_prefix("aiocontext-"));
    let linked: BTreeSet<String> =
        linked.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).collect();
    assert_eq!(linked, names);
    let tested = REPLACED.iter().map(|name| name.trim_start_matches("r#").replace('_', "-"));
    let tested = tested.chain([ITS_OWN.to_owned()]);
    assert_eq!(tested.collect::<BTreeSet<_>>(), names);

    let text = read(&root().join("docs/LOOP.md"));
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = components
        .iter()
        .map(|c| format!("| `{}` | {} | `{}` |", c.name, c.purpose, c.header))
        .collect();
    assert_eq!(rows, expected);
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
