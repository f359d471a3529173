//! The ABI, as libabigail sees it in the debug information, is the one that was last accepted
//! (`make abi-baseline`); and a changed struct is noticed, by libabigail and by the compiler.

#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capi_tests::{abi, output, read, root, succeed, unpatched, Finished, Patched};

fn baseline() -> PathBuf {
    root().join("capi-tests/abi/x86_64-unknown-linux-gnu.abi")
}

fn abidiff(library: &Path) -> Finished {
    output(Command::new("abidiff").arg("--no-show-locs").arg(baseline()).arg(library))
}

#[test]
fn abi_is_the_accepted_one() {
    let finished = abidiff(&unpatched("abi").join("libaionotify.so"));
    assert!(
        finished.status.success(),
        "if it is meant to change, run `make abi-baseline`\n{}{}",
        finished.stdout,
        finished.stderr
    );
}

/// What the debug information of Rust says of `AioContext` and its functions reaches the baseline,
/// and nothing that is different on another machine does.
#[test]
fn baseline_has_the_struct() {
    let text = read(&baseline());
    let (_, after) = text
        .split_once("<class-decl name='AioContext' size-in-bits='2752'")
        .expect("a definition of AioContext");
    let (members, _) = after.split_once("</class-decl>").expect("the definition ends");
    for member in [
        "source",
        "lock",
        "aio_handlers",
        "walking_handlers",
        "notify_me",
        "bh_lock",
        "first_bh",
        "walking_bh",
        "notified",
        "notifier",
        "thread_pool",
        "tlg",
    ] {
        assert!(members.contains(&format!("<var-decl name='{member}' ")), "no {member}");
    }
    for function in abi::symbols("aionotify") {
        assert!(text.contains(&format!("<function-decl name='{function}' ")), "no {function}");
    }
    assert!(!text.contains("path=") && !text.contains("filepath="), "the baseline has paths");
}

/// A copy of the sources with a new member in the middle of `AioContext`.
fn with_planted_member(name: &str) -> Patched {
    let member = "    pub notify_me: u32,\n";
    let planted = "    /// Planted.\n    pub planted: u64,\n";
    Patched::new(name).replace("src/abi/aio.rs", member, &format!("{member}{planted}"))
}

#[test]
fn a_planted_member_is_noticed_by_libabigail() {
    // Without the proofs at compile time, which would be first.
    let copy = with_planted_member("member");
    fs::remove_file(copy.path("src/abi/layout/x86_64")).expect("it has been copied");
    let finished = copy.build("abi");
    assert!(finished.status.success(), "{}", finished.stderr);
    let finished = abidiff(&copy.library("abi", "libaionotify.so"));
    assert!(!finished.status.success());
    for words in ["AioContext", "type size changed from 2752 to 2816", "'u64 planted'"] {
        assert!(finished.stdout.contains(words), "no {words} in:\n{}", finished.stdout);
    }
}

#[test]
fn a_planted_member_does_not_compile() {
    let finished = with_planted_member("proof").build("abi");
    assert!(!finished.status.success());
    let message = "assertion failed: core::mem::size_of::<AioContext>() == 344";
    assert!(finished.stderr.contains(message), "{}", finished.stderr);
}

/// The comparison needs debug information: without it, every library looks the same.
#[test]
fn library_of_the_abi_profile_has_debug_information() {
    let library = unpatched("abi").join("libaionotify.so");
    let sections = succeed(Command::new("readelf").args(["-SW"]).arg(library)).stdout;
    assert!(sections.contains(".debug_info"), "{sections}");
}
