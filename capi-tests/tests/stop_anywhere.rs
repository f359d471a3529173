//! Threads that stop anywhere: suspended at every instruction of a call, cancelled in it, or killed
//! with their process, while other threads go on.
//!
//! `AIONOTIFY_STOP_ANYWHERE=full`, as `make verify` sets it, tests every mix of pollers and leaves no
//! instruction out. Without it, every call is tested with one poller, and a part of the rest.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;

use capi_tests::{program, succeed, Linkage, Program};

fn built() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| Program::of_loop("stop_anywhere").flags(&["-ldl"]).build(Linkage::Dynamic))
}

/// Runs a part of the program; it says itself which of its cases failed.
fn run(part: &str) {
    let finished = succeed(program(built()).arg(part));
    println!("{}", finished.stdout);
    let told = ["ok ", "skipped "].iter().any(|word| finished.stdout.starts_with(word));
    assert!(told, "it ran no case: {finished:?}");
}

/// Runs a part that only the full form has.
fn run_in_full(part: &str) {
    if env::var("AIONOTIFY_STOP_ANYWHERE").is_ok_and(|form| form == "full") {
        run(part);
    } else {
        println!("skipped {part}: AIONOTIFY_STOP_ANYWHERE is not full");
    }
}

#[test]
fn one_poller() {
    run("one");
}

#[test]
fn cancelled() {
    run("cancelled");
}

#[test]
fn killed() {
    run("killed");
}

#[test]
fn two_pollers() {
    run_in_full("two");
}

#[test]
fn a_poller_and_glib() {
    run_in_full("glib");
}

#[test]
fn glib_alone() {
    run_in_full("glib-alone");
}

#[test]
fn a_poller_and_a_foreign_loop() {
    run_in_full("foreign");
}

#[test]
fn a_poller_and_a_foreign_loop_that_empties_the_notifier() {
    run_in_full("foreign-takes");
}

#[test]
fn a_poller_that_keeps_the_lock() {
    run_in_full("nested");
}
