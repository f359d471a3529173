//! What the README says to type is there. Its programs are those of `examples/`.

use std::fs;

use capi_tests::root;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("there is a README")
}

#[test]
fn the_two_commands_are_targets_of_the_makefile() {
    let readme = readme();
    let makefile = fs::read_to_string(root().join("Makefile")).expect("there is a Makefile");
    for target in ["demo", "demo-loop", "check", "install", "uninstall"] {
        assert!(readme.contains(&format!("make {target}")), "the README names make {target}");
        assert!(makefile.contains(&format!("\n{target}:")), "the Makefile has {target}");
    }
}
