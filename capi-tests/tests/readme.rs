//! What the README shows works as it stands there.

use std::fs;

use capi_tests::{program, root, succeed, Linkage, Program};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("there is a README")
}

#[test]
fn the_main_loop_compiles_and_ends() {
    let readme = readme();
    let (_, rest) = readme.split_once("```c\n").expect("the README has a C program");
    let (text, _) = rest.split_once("```").expect("the program ends");
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        let built = Program::with_text("readme", text).build(linkage);
        assert_eq!(succeed(&mut program(&built)).stdout, "got 42\n");
    }
}

#[test]
fn the_whole_loop_compiles_and_ends() {
    let readme = readme();
    let text = readme.split("```c\n").nth(2).expect("the README has a second C program");
    let (text, _) = text.split_once("```").expect("the program ends");
    for linkage in [Linkage::Dynamic, Linkage::Static] {
        let built = Program::with_text("readme-loop", text).with("aiocontext").build(linkage);
        assert_eq!(succeed(&mut program(&built)).stdout, "done\n");
    }
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
