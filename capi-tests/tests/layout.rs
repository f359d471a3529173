//! The layouts that the Rust sources assert are those of the headers for the C compiler of the
//! target. (`bindings` compares more, on the machine that runs the tests.)

use std::env;
use std::fmt::Write;
use std::fs;

use capi_tests::{compiler, output, pkg_config, root, scratch, Finished};

const HEADERS: &str =
    "#include <stddef.h>\n#include \"block/aio.h\"\n#include \"qemu/rfifolock.h\"\n";

/// The asserted figures for the target, as C assertions.
fn assertions() -> Vec<String> {
    let target = env::var("AIONOTIFY_TARGET").unwrap_or_else(|_| env::consts::ARCH.to_owned());
    let arch = match target.split('-').next() {
        Some("i686") => "x86",
        Some(arch) => arch,
        None => "",
    };
    let mut assertions = Vec::new();
    for file in fs::read_dir(root().join("src/abi")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for row in text.split(&format!("assert_layout!(\"{arch}\", ")).skip(1) {
            let (row, _) = row.split_once(");").unwrap();
            let (name, row) = row.split_once(':').unwrap();
            let mut figures = row.split(',');
            let (size, align) = figures.next().unwrap().split_once('/').unwrap();
            let same = |what: &str, figure: &str| {
                format!("_Static_assert({what} == {}, \"{what}\");\n", figure.trim())
            };
            assertions.push(same(&format!("sizeof({name})"), size));
            assertions.push(same(&format!("_Alignof({name})"), align));
            for figure in figures {
                let (field, offset) = figure.split_once(':').unwrap();
                assertions.push(same(&format!("offsetof({name}, {})", field.trim()), offset));
            }
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
