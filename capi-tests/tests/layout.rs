//! The layouts that the Rust sources assert are those of the headers for the C compiler of the
//! target. (`bindings` compares more, on the machine that runs the tests.)

use std::fmt::Write;
use std::fs;

use capi_tests::{abi, compiler, output, pkg_config, read, root, scratch, Finished};

const HEADERS: &str =
    "#include <stddef.h>\n#include \"block/aio.h\"\n#include \"qemu/rfifolock.h\"\n";

/// The asserted figures for the target, as C assertions.
fn assertions() -> Vec<String> {
    let mut assertions = Vec::new();
    for (name, figures) in abi::layout(&abi::architecture()) {
        let mut same = |what: &str, figure: &str| {
            assertions.push(format!("_Static_assert({what} == {figure}, \"{what}\");\n"));
        };
        let (size, align) = figures[0].split_once('/').expect("size and alignment");
        same(&format!("sizeof({name})"), size);
        same(&format!("_Alignof({name})"), align);
        for figure in &figures[1..] {
            let (member, offset) = figure.split_once('@').expect("a member and its offset");
            same(&format!("offsetof({name}, {member})"), offset);
        }
    }
    assertions
}

fn compile(name: &str, assertions: &[String]) -> Finished {
    let file = scratch("layout").join(name);
    let mut text = HEADERS.to_owned();
    assertions.iter().for_each(|assertion| text.write_str(assertion).unwrap());
    fs::write(&file, text).unwrap();
    let mut command = compiler();
    output(command.args(["-std=gnu11", "-fsyntax-only"]).args(pkg_config(&["--cflags"])).arg(file))
}

#[test]
fn asserted_layouts_are_those_of_the_headers() {
    let assertions = assertions();
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        // Twelve types, and the 36 members that the tables name.
        assert!(assertions.len() >= 60, "the tables are gone: {assertions:?}");
    }
    let finished = compile("asserted.c", &assertions);
    assert!(finished.status.success(), "{}", finished.stderr);
}

#[test]
fn a_wrong_figure_is_noticed() {
    let wrong = "_Static_assert(offsetof(AioContext, notified) == 17, \"planted\");\n".to_owned();
    let finished = compile("planted.c", &[wrong]);
    assert!(!finished.status.success());
    assert!(finished.stderr.contains("planted"), "{}", finished.stderr);
}

/// The offsets that docs/ADOPTING.md has for those who compare theirs.
#[test]
fn documented_offsets_are_the_asserted_ones() {
    let text = read(&root().join("docs/ADOPTING.md"));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| | x86_64 |"));
    let architectures = cells(lines.next().expect("a table of offsets"));
    let rows: Vec<_> = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    for (column, architecture) in architectures.iter().enumerate().skip(1) {
        let table = abi::layout(architecture);
        let figures = |name: &str| &table.iter().find(|row| row.0 == name).expect("its row").1;
        for row in &rows {
            // Such as "`notified` (`bool`)".
            let what = row[0].split('`').nth(1).expect("a name");
            let (name, figure) = match what {
                "sizeof(EventNotifier)" => ("EventNotifier", format!("{}/4", row[column])),
                member => ("AioContext", format!("{member}@{}", row[column])),
            };
            assert!(figures(name).contains(&figure), "{architecture}: {figure} of {name}");
        }
    }
}
